// Types only: whoever needs what runs imports the subpath, and loads no more than that.
export type { ContainerRecord, Containers } from "./containers/types.ts";
export type { FlowRun, StepTiming } from "./flow/types.ts";
export type { Image, ImageRecord, Images, PullEvent, PullRequest } from "./images/types.ts";
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
export type { DiskUsage, IdMappings, MountSpec, Snapshot } from "./snapshots/types.ts";
