import { checkPodCidr } from "../validation/pod-cidr.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Takes the pod networks of the node. Without any it changes nothing. */
export const updateRuntimeConfig: RuntimeRpc<"updateRuntimeConfig"> = async ({ networks }, { runtimeConfig }) => {
  const cidrs = checkPodCidr(runtimeConfig?.networkConfig?.podCidr ?? "");
  if (cidrs.length > 0) await networks.updatePodCidrs(cidrs);
  return {};
};
