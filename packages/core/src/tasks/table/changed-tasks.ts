import type { TaskClient } from "../types.ts";

/** A task client some of whose calls are others; the rest, and what changes with time, is that of `tasks`. */
export function changedTasks(tasks: TaskClient, changes: Partial<TaskClient>): TaskClient {
  return Object.assign(Object.create(tasks) as TaskClient, changes);
}
