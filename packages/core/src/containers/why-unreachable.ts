import type { ContainerDeps } from "./steps/types.ts";
import type { ContainerPlan } from "./types.ts";

/** Why nobody can be asked about a container, nor tells of its end: its pod's controller is not configured any more. Undefined where it is. */
export function whyUnreachable(
  { sandboxId }: Pick<ContainerPlan, "sandboxId">,
  { findSandbox }: Pick<ContainerDeps, "findSandbox">,
): string | undefined {
  return findSandbox(sandboxId)?.unreachable?.reason;
}
