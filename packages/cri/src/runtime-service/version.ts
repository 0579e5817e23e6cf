import type { RuntimeRpc } from "./rpc.ts";

/** Answers while recovery is still under way. The version asked for is not looked at, as the CRI has only one. */
export const version: RuntimeRpc<"version"> = ({ version }) => ({
  // The version of the kubelet's runtime API, which has stood at this number since before CRI v1.
  version: "0.1.0",
  runtimeName: version.runtimeName,
  runtimeVersion: version.runtimeVersion,
  runtimeApiVersion: "v1",
});
