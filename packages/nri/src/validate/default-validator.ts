import { Code, StatusError } from "@crib/errdefs";
import {
  type Container,
  Field,
  type PodSandbox,
  SecurityProfile_ProfileType as ProfileType,
  type ValidateContainerAdjustmentRequest,
} from "@crib/wire/nri";

import type { DefaultValidatorOptions } from "../types.ts";
import { requiredByPod, someContainerTolerates, toleratesMissing } from "./pod-annotations.ts";

/** A plugin as far as its names go. */
export interface NamedPlugin {
  readonly index: string;
  readonly name: string;
}

/**
 * Throws FailedPrecondition when an adjustment has a field that no plugin may adjust. Who owns a field decides, not its value, so that
 * setting what is there already is refused as well.
 */
export function checkOwners(options: DefaultValidatorOptions, request: ValidateContainerAdjustmentRequest): void {
  const { container } = request;
  const owners = request.owners?.owners[container?.id ?? ""];
  if (container === undefined || owners === undefined) return;
  const refuse = (refused: boolean, field: Field, what: string): void => {
    const owner = owners.simple[field] ?? Object.values(owners.compound[field]?.owners ?? {})[0];
    if (!refused || owner === undefined) return;
    throw new StatusError(
      Code.FailedPrecondition,
      `default validator: plugin "${owner}" adjusts ${what} of container "${container.id}", which is not allowed`,
    );
  };
  refuse(options.rejectOciHooks, Field.OciHooks, "OCI hooks");
  refuse(refusesSeccomp(options, container), Field.SeccompPolicy, "the seccomp policy");
  refuse(options.rejectNamespaces, Field.Namespace, "namespaces");
  refuse(options.rejectSysctls, Field.Sysctl, "sysctls");
}

function refusesSeccomp(options: DefaultValidatorOptions, container: Container): boolean {
  const kind = container.linux?.seccompProfile?.profileType;
  if (kind === ProfileType.RUNTIME_DEFAULT) return options.rejectRuntimeDefaultSeccomp;
  if (kind === ProfileType.LOCALHOST) return options.rejectCustomSeccomp;
  return options.rejectUnconfinedSeccomp;
}

/**
 * Throws FailedPrecondition when a plugin is missing that the configuration or the pod requires. With `container` (a name) its own
 * annotations count; without, the pod as a whole is judged.
 */
export function checkRequired(
  options: DefaultValidatorOptions,
  pod: PodSandbox,
  plugins: readonly NamedPlugin[],
  container?: string,
): void {
  const required = [...options.requiredPlugins, ...requiredByPod(pod, container)];
  if (required.length === 0) return;
  const there = new Set(plugins.flatMap(({ index, name }) => [name, `${index}-${name}`]));
  const missing = required.filter((name) => !there.has(name));
  if (missing.length === 0) return;
  const key = options.tolerateMissingAnnotation;
  if (toleratesMissing(pod, key, container)) return;
  if (container === undefined && someContainerTolerates(pod, key)) return;
  throw new StatusError(
    Code.FailedPrecondition,
    `default validator: required plugin "${missing.join('", "')}" is not there`,
  );
}
