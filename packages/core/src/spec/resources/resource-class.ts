import type { SpecInput } from "../types.ts";

/** What a container may have a class of. */
export type ClassKind = "blockio" | "rdt";

/**
 * The class that annotations give a container: its own (`io.kubernetes.cri.KIND-class`), else the pod's for it
 * (`KIND.resources.beta.kubernetes.io/container.NAME`), else the pod's for all of its containers (`.../pod`). Undefined
 * when there is none.
 */
export function resourceClass(
  kind: ClassKind,
  { plan, sandbox }: Pick<SpecInput, "plan" | "sandbox">,
): string | undefined {
  const pod = sandbox.plan.annotations;
  const prefix = `${kind}.resources.beta.kubernetes.io`;
  const found =
    plan.annotations[`io.kubernetes.cri.${kind}-class`] ??
    pod[`${prefix}/container.${plan.name}`] ??
    pod[`${prefix}/pod`];
  return found === "" ? undefined : found;
}
