import { access } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import type { RuncTasksOptions } from "../types.ts";
import type { RuncTask } from "./runc-task.ts";

/** Milliseconds between two looks at a task that has ended. */
const lookMs = 1_000;

/** What deleting an abandoned task needs of the service that has it. */
export interface AbandonedTaskOptions {
  /** Whether the service still has the task. */
  readonly isKept: () => boolean;
  readonly remove: () => Promise<unknown>;
  readonly log: NonNullable<RuncTasksOptions["log"]>;
}

/**
 * Deletes a task once it has ended and its bundle is gone: its container was removed by somebody who could not reach the service, and nobody will ask
 * for it. Settles when the service does not have it any more, or cannot delete it, which is logged. Never rejects.
 */
export async function deleteAbandoned({ id, parts }: RuncTask, options: AbandonedTaskOptions): Promise<void> {
  const { isKept, remove, log } = options;
  await parts.init.exited;
  do {
    await delay(lookMs, undefined, { ref: false });
    if (!isKept()) return;
  } while (await isThere(parts.bundle));
  try {
    await remove();
    log("info", "task is deleted, since its bundle is gone", { taskId: id });
  } catch (error) {
    if (isKept()) log("warn", "deleting a task whose bundle is gone", { taskId: id, error: String(error) });
  }
}

/** What cannot be looked at is there. */
async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (reason) {
    return (reason as NodeJS.ErrnoException).code !== "ENOENT";
  }
}
