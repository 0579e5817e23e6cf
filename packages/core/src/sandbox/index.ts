export { removePodSandbox, runPodSandbox, type SandboxFlow, sandboxFlows, stopPodSandbox } from "./flows.ts";
export { type Planning, resolveHandler } from "./plan-pod-sandbox.ts";
export { PodSandboxService, type PodSandboxesOptions } from "./pod-sandboxes.ts";
export { type Places, podCgroupPath, sandboxName } from "./pod-names.ts";
export { type CgroupOwners, createCgroupOwners } from "./cgroup-owners.ts";
export { endLeftStrays } from "./recover-strays.ts";
export { createRetries, type Retries } from "../flow/retries.ts";
export { isSandboxId, newInstance, newSandboxId, ownerOf } from "./sandbox-id.ts";
export { createSandboxRows, type SandboxRows } from "./sandbox-rows.ts";
export type { SandboxDeps, StepLog } from "./steps/types.ts";
export { createStrays, markerEnv, markerVariables, type Strays } from "./strays.ts";
export { createGoneController, type GoneControllerOptions } from "./gone-controller.ts";
export { OwedShutdowns, type OwedShutdownsOptions } from "./owed-shutdowns.ts";
export { isReady } from "./is-ready.ts";
export type { PodContents, TakenUp } from "./exit-watch.ts";
export type {
  Bandwidth,
  ControllerFacts,
  DnsConfig,
  NetworkFact,
  PlannedNetwork,
  PodIdentity,
  PodSandboxes,
  PodSandboxRequest,
  PortMapping,
  RuntimeHandler,
  SandboxEvent,
  SandboxFacts,
  SandboxFilter,
  SandboxPlan,
  SandboxProblem,
  SandboxRecord,
  SandboxState,
  SandboxUnreachable,
} from "./types.ts";
