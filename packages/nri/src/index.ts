export { createNri } from "./create-nri.ts";
export type {
  ContainerSubject,
  CreateResult,
  DefaultValidatorOptions,
  HeldNode,
  NotifyEvent,
  Nri,
  NriEvent,
  NriHost,
  NriInvocations,
  NriLog,
  NriMetrics,
  NriOptions,
  PluginInfo,
  Subject,
  UpdateResult,
} from "./types.ts";
