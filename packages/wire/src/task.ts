/**
 * The task service of a Runtime v2 shim. Both versions have the same messages on the wire, hence the same types here;
 * only the service, whose full name travels with each call, differs.
 */
export { Task as TaskV2 } from "./generated/containerd-task-v2_pb.ts";
export { Task as TaskV3 } from "./generated/containerd-task-v3_pb.ts";
export * from "./generated/containerd-task-v3_pb.ts";
export * from "./generated/containerd-v1-types_pb.ts";
