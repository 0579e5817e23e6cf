/** containerd's `Streaming` service and the messages that carry a container's stdio over it. */
export * from "./generated/containerd-services-streaming-v1_pb.ts";
export * from "./generated/containerd-types-transfer_pb.ts";
