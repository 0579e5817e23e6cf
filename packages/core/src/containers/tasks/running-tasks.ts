import { fifoPaths } from "../../io/fifos.ts";
import type { RunningTask } from "../../tasks/task-services.ts";
import { ioDirOf } from "../steps/task.ts";
import type { ContainerRecord } from "../types.ts";

/** The tasks of a pod that run as far as is stored, with the FIFOs of their first processes. */
export function runningTasks(records: readonly ContainerRecord[], sandboxId: string): readonly RunningTask[] {
  return records
    .filter(({ state, plan }) => plan.sandboxId === sandboxId && (state === "running" || state === "starting"))
    .map(({ id, plan }) => {
      const choice = { dir: ioDirOf(plan), stdin: plan.stdin, stdout: true, stderr: !plan.tty };
      return { id, ...fifoPaths(choice) };
    });
}
