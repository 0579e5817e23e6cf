/** What `Stats` of a shim answers with: metrics of cgroup v1 or of cgroup v2, as the host has it. */
export * as cgroupsV1 from "./generated/io-containerd-cgroups-v1_pb.ts";
export * as cgroupsV2 from "./generated/io-containerd-cgroups-v2_pb.ts";
