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

/** A network that is ready may still have something to say: that it lives on an older configuration. */
function condition({ ready, reason, message }: NetworkStatus): { status: boolean; reason: string; message: string } {
  // The kubelet and its users know this reason.
  return { status: ready, reason: ready ? reason : reason || "NetworkPluginNotReady", message };
}

function describe({ config, networks, version }: CriDeps, network: NetworkStatus): Record<string, string> {
  return {
    config: JSON.stringify(config ?? {}),
    cniconfig: JSON.stringify(networks.describe() ?? {}),
    lastCNILoadStatus: network.message || (network.ready ? "OK" : network.reason),
    version: JSON.stringify(version),
  };
}
