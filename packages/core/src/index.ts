// Types only: whoever needs what runs imports the subpath, and loads no more than that.
export type { FlowRun, StepTiming } from "./flow/types.ts";
export type {
  PodSandboxes,
  PodSandboxRequest,
  RuntimeHandler,
  SandboxEvent,
  SandboxFacts,
  SandboxFilter,
  SandboxPlan,
  SandboxProblem,
  SandboxRecord,
  SandboxState,
} from "./sandbox/types.ts";
