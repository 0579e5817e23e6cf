import type { SandboxStepContext } from "./types.ts";

/** Ends every container of the pod. */
export async function stopContainers({ id, deps, signal, midpoint }: SandboxStepContext): Promise<void> {
  await deps.containers.stopAll(id, signal);
  await midpoint();
}

/** Removes every container of the pod. */
export async function removeContainers({ id, deps, signal, midpoint }: SandboxStepContext): Promise<void> {
  await deps.containers.removeAll(id, signal);
  await midpoint();
}
