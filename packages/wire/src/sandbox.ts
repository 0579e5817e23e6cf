/** containerd's Sandbox API: `Sandbox` is served by a shim, `Controller` and `Store` by a sandboxer or a daemon. */
export * from "./generated/containerd-runtime-sandbox-v1_pb.ts";
export * from "./generated/containerd-services-sandbox-v1_pb.ts";
