/** Messages that several protocols share: containerd's types, the status of an RPC, the envelopes of ttrpc. */
export * from "./generated/containerd-types_pb.ts";
export * from "./generated/google-rpc_pb.ts";
export * from "./generated/ttrpc_pb.ts";
