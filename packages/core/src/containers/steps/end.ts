import { rm } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";
import { removeCgroup } from "@crib/linux";

import { cgroupDirectoryOf } from "../../stats/cgroup-directory.ts";
import { killProcesses } from "./kill-processes.ts";
import { mountRootfs, unmountRootfs } from "./snapshot.ts";
import { ioDirOf } from "./task.ts";
import type { ContainerStepContext } from "./types.ts";

/** Milliseconds that output has to end after the process; who then still holds the pipe has left the container. */
const drainMs = 2_000;

/** Milliseconds that a shim has to delete a task: it waits up to 10 s for output itself. */
const deleteMs = 12_000;

/** The same of a shim that owes an answer: it hangs, or is at work on what nobody waits for. */
const hungDeleteMs = 2_000;

/** Ends whatever is left of the container: children in a PID namespace that it shares, a runtime that is at work. */
export async function endProcesses({ id, plan, facts, deps, midpoint }: ContainerStepContext): Promise<void> {
  if (facts.exit?.reason === "StartError") await deps.endHelpers(id);
  await midpoint();
  await killProcesses(plan);
}

/** Waits until all output is written, for a while, and removes the FIFOs. */
export async function closeIo({ id, plan, deps, midpoint }: ContainerStepContext): Promise<void> {
  const stdio = deps.stdio.find(id);
  if (stdio && !(await stdio.drained(drainMs))) {
    deps.log.warn({ containerId: id }, "output is held open by a process outside of the container; it is cut off");
  }
  await midpoint();
  await stdio?.close();
  // Those that an earlier daemon made for a container that ended before this one knew it.
  await rm(ioDirOf(plan), { recursive: true, force: true });
}

/** Has the task be deleted: by its shim, or without it when that does not know it, does not answer or has died. */
export async function deleteTask(context: ContainerStepContext): Promise<void> {
  await endTask(context);
}

/** Takes back a task that was made ahead, or half of one: nothing of it has run, so that nothing is waited for. */
export async function takeBackTask(context: ContainerStepContext): Promise<void> {
  const { id, plan, deps } = context;
  // From here on a start makes another.
  const isWhole = deps.waiting.delete(id);
  if (!isWhole) await deps.endHelpers(id);
  await killProcesses(plan);
  const byShim = await endTask(context);
  await removeCgroup(cgroupDirectoryOf(plan.cgroupPath));
  // A shim's program takes the root file system off as well, which another start needs.
  if (!byShim) await mountAgain(context);
}

/** Gives whether the shim did it. */
async function endTask(context: ContainerStepContext): Promise<boolean> {
  const { id, plan, deps, midpoint, signal } = context;
  const isDeleted = await deleteByShim(context);
  await midpoint();
  if (!isDeleted) await deps.remains.remove({ id, sandboxId: plan.sandboxId }, signal);
  deps.exits.forget(id);
  deps.waiting.delete(id);
  return isDeleted;
}

async function mountAgain(context: ContainerStepContext): Promise<void> {
  const part = { ...context, midpoint: async (): Promise<void> => {} };
  await unmountRootfs(part);
  await mountRootfs(part);
}

/** Closes its streams and removes the FIFOs. */
export async function dropIo({ id, plan, deps, midpoint }: ContainerStepContext): Promise<void> {
  await deps.stdio.find(id)?.close();
  await midpoint();
  await rm(ioDirOf(plan), { recursive: true, force: true });
}

async function deleteByShim({ id, plan, facts, deps, signal }: ContainerStepContext): Promise<boolean> {
  // Asking for the service of a pod whose shim has died would start another, which knows nothing.
  if (deps.exits.end(id)?.kind === "lost") return false;
  try {
    const { tasks } = await deps.services.of(plan.sandboxId, signal);
    await tasks.delete(id, "", signal, { timeoutMs: tasks.hasAbandoned ? hungDeleteMs : deleteMs });
    return true;
  } catch (reason) {
    signal.throwIfAborted();
    const error = StatusError.from(reason).message;
    // Where no process is known, usually none was ever made.
    if (facts.process !== undefined) deps.log.warn({ containerId: id, error }, "task is deleted without its shim");
    return false;
  }
}

/** Removes the cgroup. Absence is success. */
export async function dropCgroup({ plan, midpoint }: ContainerStepContext): Promise<void> {
  await midpoint();
  await removeCgroup(cgroupDirectoryOf(plan.cgroupPath));
}
