/** The `Events` service that shims forward their events to, and the events themselves. */
export * from "./generated/containerd-events_pb.ts";
export * from "./generated/containerd-services-events-ttrpc-v1_pb.ts";
