export { connectAddress } from "./endpoints/connect-address.ts";
export {
  connectRpc,
  namespaceHeaders,
  type RpcCallOptions,
  type RpcClient,
  type RpcStream,
} from "./endpoints/connect-rpc.ts";
export { connectTasks, hasHostPids, type TasksConnection, type TasksDial } from "./endpoints/connect-tasks.ts";
export { type Address, parseAddress } from "./endpoints/parse-address.ts";
export { createShims } from "./shims.ts";
export {
  createTaskDeleter,
  type OrphanedTask,
  type RemoteTasks,
  type TaskDeleter,
  type TaskRuntime,
} from "./delete-task.ts";
export { findRuntimeBinary, type RuntimeName, type RuntimeSearch, shimFileName } from "./runtime-binary.ts";
export { isRuncRuntime, packRuntimeOptions, runcStateDir } from "./runtime-options.ts";
export { checkTaskId } from "./task-id.ts";
export { createTaskClient, type TaskConnection } from "./task-client.ts";
export { taskProcess } from "./task-process.ts";
export {
  createTaskServices,
  type OpenTaskServices,
  type RunningTask,
  type TaskController,
  type TaskDialer,
  type TaskLink,
  type TaskServicesOptions,
} from "./task-services.ts";
export { killProcess, shimMarker } from "./shim-processes.ts";
export { identityOf, toKernelIdentity } from "./process-identity.ts";
export { serveShimEvents, type ShimEvent, type ShimEventBody, type ShimEvents } from "./shim-events.ts";
export { StartTurns } from "./start-turns.ts";
export { Turns } from "./turns.ts";
export { defaultSocketDir, removeDeadSocket, shimSocketPath, unixPath } from "./shim-socket.ts";
export { servingShims } from "./serving-shims.ts";
export type {
  LaunchedShim,
  RuntimeOptionValues,
  Shim,
  ShimBudgets,
  ShimDescription,
  ShimEnd,
  Shims,
  ShimsOptions,
  ShimStart,
  TaskCall,
  TaskClient,
  TaskLog,
  TaskService,
  TaskServices,
} from "./types.ts";
