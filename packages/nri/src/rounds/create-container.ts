import { create } from "@bufbuild/protobuf";
import {
  Field,
  Plugin as PluginService,
  type ValidateContainerAdjustmentRequest,
  ValidateContainerAdjustmentRequestSchema,
} from "@crib/wire/nri";

import { checkReply } from "../adjust/check-reply.ts";
import { AdjustmentMerge } from "../adjust/merge-adjustment.ts";
import { UpdateMerge } from "../adjust/merge-updates.ts";
import type { Plugin } from "../plugin/plugin.ts";
import type { ContainerSubject, CreateResult } from "../types.ts";
import { checkOwners, checkRequired } from "../validate/default-validator.ts";
import { validateAdjustment } from "../validate/validate-adjustment.ts";
import type { RoundContext } from "./round-context.ts";

const operation = "CreateContainer";
const fieldNames: ReadonlyMap<number, string> = new Map(
  Object.entries(Field).map(([name, number]) => [number as number, name]),
);

/** Asks plugins one after another what they want of a container, each seeing what those before it want; then has it validated. */
export async function createContainerRound(
  context: RoundContext,
  { pod, container }: ContainerSubject,
  signal: AbortSignal,
): Promise<CreateResult> {
  const timeoutMs = context.options.requestTimeoutMs;
  const merge = new AdjustmentMerge(container);
  const updates = new UpdateMerge(container.id);
  // All that are there now, so that one that joins meanwhile is not taken for one that was asked.
  const consulted = context.plugins.all;
  for (const plugin of consulted) {
    if (!plugin.wants(operation)) continue;
    const outcome = await plugin.call(
      PluginService.method.createContainer,
      { pod, container: merge.view() },
      { operation, timeoutMs, signal },
    );
    if (outcome.kind === "lost") continue;
    const { adjust, update, evict } = outcome.message;
    checkReply(plugin.fullName, { adjust, update });
    if (adjust !== undefined) merge.apply(plugin.fullName, adjust);
    updates.apply(plugin.fullName, update);
    context.evict(plugin.fullName, evict);
  }
  const adjust = merge.result();
  const result = { ...(adjust && { adjust }), updates: updates.result() };
  await validate(context, { pod, container }, { ...result, merge, consulted }, signal);
  for (const [field, count] of merge.owners.counts()) {
    context.countAdjustments(fieldNames.get(field) ?? String(field), count);
  }
  return result;
}

interface Merged extends CreateResult {
  readonly merge: AdjustmentMerge;
  readonly consulted: readonly Plugin[];
}

async function validate(
  context: RoundContext,
  { pod, container }: ContainerSubject,
  { adjust, updates, merge, consulted }: Merged,
  signal: AbortSignal,
): Promise<void> {
  const { defaultValidator, requestTimeoutMs } = context.options;
  const validators = context.plugins.for("ValidateContainerAdjustment");
  if (!defaultValidator.enable && validators.length === 0) return;
  const plugins = consulted.filter((plugin) => !plugin.isClosed).map(({ info: { name, index } }) => ({ name, index }));
  const request: ValidateContainerAdjustmentRequest = create(ValidateContainerAdjustmentRequestSchema, {
    pod,
    container,
    ...(adjust && { adjust }),
    update: [...updates],
    owners: { owners: { [container.id]: merge.owners.message() } },
    plugins,
  });
  if (defaultValidator.enable) {
    checkRequired(defaultValidator, pod, plugins, container.name);
    checkOwners(defaultValidator, request);
  }
  await validateAdjustment(validators, request, requestTimeoutMs, signal);
}
