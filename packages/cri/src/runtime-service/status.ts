import { toRuntimeHandlers } from "../conversion/runtime-handlers.ts";
import type { CriDeps, NetworkStatus } from "../types.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** Conditions, handlers and features. Answers while recovery is still under way: RuntimeReady is false until then. */
export const status: RuntimeRpc<"status"> = async (deps, { verbose }, { signal }) => {
  const network = await deps.networks.status(signal);
  const { isOpen } = deps.gate;
  return {
    status: {
      conditions: [
        {
          type: "RuntimeReady",
          status: isOpen,
          reason: isOpen ? "" : "Recovering",
          message: isOpen ? "" : "crib is re-attaching to its pods",
        },
        { type: "NetworkReady", ...condition(network) },
      ],
    },
    runtimeHandlers: toRuntimeHandlers(deps.handlers),
    features: deps.features,
    info: verbose ? describe(deps, network) : {},
  };
};

/** The kubelet and its users know this reason. */
function condition({ ready, reason, message }: NetworkStatus): { status: boolean; reason: string; message: string } {
  return ready
    ? { status: true, reason: "", message: "" }
    : { status: false, reason: reason || "NetworkPluginNotReady", message };
}

function describe({ config, networks, version }: CriDeps, network: NetworkStatus): Record<string, string> {
  return {
    config: JSON.stringify(config ?? {}),
    cniconfig: JSON.stringify(networks.describe() ?? {}),
    lastCNILoadStatus: network.ready ? "OK" : network.message,
    version: JSON.stringify(version),
  };
}
