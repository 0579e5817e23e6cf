export { findCriu, type Criu } from "./checkpoint/find-criu.ts";
export { containerCgroupPath } from "./container-cgroup.ts";
export { ContainerService, type ContainerServiceOptions } from "./container-service.ts";
export { type PublicContainerState, containerStateOf } from "./container-state.ts";
export { createContainerRows, type ContainerRows } from "./life/container-rows.ts";
export {
  type ContainerFlow,
  containerFlows,
  createContainer,
  createTask,
  endContainer,
  removeContainer,
  startContainer,
  stopContainer,
  updateContainer,
} from "./flows.ts";
export { runningTasks } from "./tasks/running-tasks.ts";
export { StopClocks } from "./exits/stop-clocks.ts";
export { TaskExits } from "./exits/task-exits.ts";
export type { ContainerDeps } from "./steps/types.ts";
export { createTaskStrays } from "./tasks/task-strays.ts";
export type * from "./types.ts";
