export { cleanUpRuncTask } from "./clean-up.ts";
export { createRuncTasks } from "./create-runc-tasks.ts";
export { leftRuncTasks } from "./left-runc-tasks.ts";
export type { RuncTaskEvent, RuncTasks, RuncTasksOptions } from "./types.ts";
