export { formatSandbox, parseSandbox } from "./sandbox-json.ts";
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
