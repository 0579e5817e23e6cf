import { toRuntimeHandlers } from "../conversion/runtime-handlers.ts";
import type { CriDeps, NetworkStatus, RuntimeHandlers } from "../types.ts";
import type { RuntimeRpc } from "./rpc.ts";

/**
 * Conditions, handlers and features. Answers while recovery is still under way: RuntimeReady is false until then, and while pods
 * that name no handler cannot run.
 */
export const status: RuntimeRpc<"status"> = async (deps, { verbose }, { signal }) => {
  const network = await deps.networks.status(signal);
  return {
    status: {
      conditions: [
        { type: "RuntimeReady", ...runtimeCondition(deps) },
        { type: "NetworkReady", ...condition(network) },
      ],
    },
    runtimeHandlers: toRuntimeHandlers(deps.handlers),
    features: deps.features,
    info: verbose ? describe(deps, network) : {},
  };
};

function runtimeCondition({ gate, handlers }: CriDeps): { status: boolean; reason: string; message: string } {
  if (!gate.isOpen) return { status: false, reason: "Recovering", message: "crib is re-attaching to its pods" };
  const broken = handlers.broken?.find(({ handler }) => handler.name === handlers.defaultName);
  if (!broken) return { status: true, reason: "", message: "" };
  const message = `default runtime handler "${handlers.defaultName}": ${broken.reason}`;
  return { status: false, reason: "DefaultHandlerBroken", message };
}

/** A network that is ready may still have something to say: that it lives on an older configuration. */
function condition({ ready, reason, message }: NetworkStatus): { status: boolean; reason: string; message: string } {
  // The kubelet and its users know this reason.
  return { status: ready, reason: ready ? reason : reason || "NetworkPluginNotReady", message };
}

function describe(deps: CriDeps, network: NetworkStatus): Record<string, string> {
  const { config, networks, version, handlers, sandboxers } = deps;
  return {
    config: JSON.stringify(config() ?? {}),
    cniconfig: JSON.stringify(networks.describe() ?? {}),
    lastCNILoadStatus: network.message || (network.ready ? "OK" : network.reason),
    version: JSON.stringify(version),
    handlers: JSON.stringify(describeHandlers(handlers)),
    sandboxers: JSON.stringify(sandboxers?.() ?? []),
  };
}

/** Every handler that is configured, with its controller, and what is wrong where it cannot run pods. */
function describeHandlers({ all, broken = [], defaultName }: RuntimeHandlers): unknown {
  const described = [
    ...all.map(({ handler, recursiveReadOnlyMounts, userNamespaces }) => ({
      name: handler.name,
      controller: handler.controller,
      usable: true,
      features: { recursiveReadOnlyMounts, userNamespaces },
    })),
    ...broken.map(({ handler, reason }) => ({
      name: handler.name,
      controller: handler.controller,
      usable: false,
      reason,
    })),
  ];
  const listed = described.map((one) => ({ ...one, default: one.name === defaultName }));
  return listed.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
