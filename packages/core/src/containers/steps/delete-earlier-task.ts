import { killCgroup } from "@crib/linux";

import { cgroupDirectoryOf } from "../../stats/cgroup-directory.ts";
import type { TaskService } from "../../tasks/index.ts";
import type { ContainerStepContext } from "./types.ts";

/** Milliseconds for killed processes to go. */
const goneMs = 5_000;

/**
 * Deletes the task that already has a container's id. Ids are not given twice: it is of an earlier try, which was taken back while nobody could
 * ask its service to delete it, and was never started.
 */
export async function deleteEarlierTask(
  { id, plan, signal }: ContainerStepContext,
  { tasks }: TaskService,
): Promise<void> {
  await killCgroup(cgroupDirectoryOf(plan.cgroupPath), { timeoutMs: goneMs });
  await tasks.delete(id, "", signal);
}
