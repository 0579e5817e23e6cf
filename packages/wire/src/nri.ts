/** The Node Resource Interface: `Runtime` and `HostFunctions` are served by the runtime, `Plugin` by a plugin. */
export * from "./generated/nri-pkg-api-v1alpha1_pb.ts";
