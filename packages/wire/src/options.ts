/** What a shim is started with: the bootstrap messages, the options of the runc shim and those of all others. */
export * from "./generated/containerd-runtime-bootstrap-v1_pb.ts";
export {
  type CheckpointOptions,
  CheckpointOptionsSchema,
  type Options as RuncOptions,
  OptionsSchema as RuncOptionsSchema,
  type ProcessDetails,
  ProcessDetailsSchema,
} from "./generated/containerd-runc-v1_pb.ts";
export {
  type Options as RuntimeOptions,
  OptionsSchema as RuntimeOptionsSchema,
} from "./generated/runtimeoptions-v1_pb.ts";
