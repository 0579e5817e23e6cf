export { type SandboxerOptions, serveSandboxer, type ServedSandboxer } from "./controller-service/serve-sandboxer.ts";
export { sandboxExtension } from "./derive/sandbox-request.ts";
export { isServed } from "./is-served.ts";
export { logToStderr } from "./log-to-stderr.ts";
export { formatSandbox, parseSandbox } from "./sandbox-json.ts";
export type { ControllerDeadlines, SandboxerLog } from "./sandboxes/types.ts";
export { serveTasks, type TaskServer, type TaskServerOptions } from "./task-service/serve-tasks.ts";
export type {
  ControllerDeclaration,
  ExitStatus,
  IdMapping,
  NamespacePaths,
  NetworkTurn,
  Platform,
  ProcessIdentity,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxMetrics,
  SandboxPending,
  SandboxProcess,
  SandboxResources,
  SandboxSecurity,
  SandboxStatus,
  SandboxTask,
  SandboxTasks,
  TaskEndpoint,
  TaskMount,
  TaskStdio,
} from "./types.ts";
export type { TaskApi, TaskApiCall } from "./tasks/types.ts";
