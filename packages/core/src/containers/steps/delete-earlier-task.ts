import type { TaskService } from "../../tasks/index.ts";
import { killProcesses } from "./kill-processes.ts";
import type { ContainerStepContext } from "./types.ts";

/**
 * Deletes the task that already has a container's id. Ids are not given twice: it is of an earlier try, which was taken back while nobody could
 * ask its service to delete it, and was never started.
 */
export async function deleteEarlierTask(
  { id, plan, signal }: ContainerStepContext,
  { tasks }: TaskService,
): Promise<void> {
  await killProcesses(plan);
  await tasks.delete(id, "", signal);
}
