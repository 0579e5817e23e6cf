import { Code, hasCode } from "@crib/errdefs";
import { killCgroup } from "@crib/linux";
import type { ProcessIdentity } from "@crib/sandboxer";

import { killProcess, type Shim, type Shims, type TaskLog } from "../../tasks/index.ts";

/** What is to be ended, and by which means. */
export interface PauseEnd {
  readonly id: string;
  readonly shims: Shims;
  /** Absent when the daemon that knew it has died before it was written. */
  readonly process: ProcessIdentity | undefined;
  /** Absolute path of the pod's cgroup; undefined when it is not known as a path. */
  readonly cgroupPath: string | undefined;
  readonly stopMs: number;
  readonly killMs: number;
  readonly log: TaskLog;
}

/**
 * Ends the pause: by its shim, and if that fails or does not do it in time by signal and by its cgroup. Tells whether
 * the shim has also deleted the task. Settles once the process is gone; DeadlineExceeded when the kernel does not let
 * go of it.
 */
export async function endPause(end: PauseEnd, signal: AbortSignal): Promise<{ readonly isTaskDeleted: boolean }> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(end.stopMs)]);
    await endByShim(await end.shims.open(end.id, limit), limit);
    return { isTaskDeleted: true };
  } catch (error) {
    signal.throwIfAborted();
    const fields = { sandboxId: end.id, error: (error as Error).message };
    end.log("warn", "pause is ended without its shim", fields);
  }
  await endByKernel(end, signal);
  return { isTaskDeleted: false };
}

async function endByShim(shim: Shim, signal: AbortSignal): Promise<void> {
  const { id, tasks } = shim;
  try {
    await tasks.kill({ id, signal: 9, all: true }, signal);
    await tasks.wait(id, "", signal);
  } catch (error) {
    if (!hasCode(error, Code.NotFound)) throw error; // it has ended already, or was never made
  }
  try {
    await tasks.delete(id, "", signal);
  } catch (error) {
    if (!hasCode(error, Code.NotFound)) throw error;
  }
}

/**
 * Ends it without any help. Its cgroup holds whatever the runtime had started on the way, and nothing of another pod.
 */
export async function endByKernel(
  end: Pick<PauseEnd, "process" | "cgroupPath" | "killMs">,
  signal: AbortSignal,
): Promise<void> {
  if (end.process !== undefined) await killProcess(end.process, end.killMs, signal);
  if (end.cgroupPath !== undefined) await killCgroup(end.cgroupPath, { timeoutMs: end.killMs });
}
