import type { RuntimeHandler } from "@crib/core/sandbox";
import type { Networks } from "@crib/cri";
import { Code, StatusError } from "@crib/errdefs";
import { type Cni, type NetworkList, type NetworkState, type NetworkWatch, watchNetworks } from "@crib/libcni";

import type { DaemonConfig } from "./config/types.ts";
import { defaultNetworkList, refuseOverlap } from "./default-network.ts";
import type { Log } from "./log.ts";

/** The networks of a daemon: one directory that is watched for each set of handlers that share it. */
export interface DaemonNetworks extends Networks, AsyncDisposable {
  /** What pods of a handler are attached to. Throws Unavailable, naming directory or file, when there is nothing. */
  forHandler(handler: RuntimeHandler): readonly NetworkList[];
  /** One of them by its name. Throws Unavailable, naming the directory, when it is not there. */
  named(handler: RuntimeHandler, name: string): NetworkList;
  /** Every network known now. */
  all(): readonly NetworkList[];
  /** Watches what these handlers need as well, and settles when it was read once. */
  open(handlers: Iterable<RuntimeHandler>): Promise<void>;
  /** Watches no more what none of the handlers of this moment needs. */
  closeUnused(): void;
}

/** Milliseconds for all STATUS calls of one look; the kubelet looks every five seconds. */
const statusMs = 4_000;

/** Opens the watches and waits until each directory was read once. `handlers` is looked up each time: they may change. */
export async function openNetworks(
  config: DaemonConfig,
  handlers: ReadonlyMap<string, RuntimeHandler>,
  cni: Cni,
  log: Log,
): Promise<DaemonNetworks> {
  const provided = config.cni.defaultNetwork;
  if (provided) await refuseOverlap(provided);
  const own = provided ? defaultNetworkList(provided) : undefined;
  const watches = new Map<string, NetworkWatch>();
  // Those that pods may choose from can be anywhere in the directory.
  const mostOf = ({ networks, cniMaxConfNum }: RuntimeHandler): number =>
    (networks ?? []).length > 0 ? 0 : cniMaxConfNum;
  const keyOf = (handler: RuntimeHandler): string => `${mostOf(handler)}:${handler.cniConfDir || config.cni.confDir}`;
  const open = async (wanted: Iterable<RuntimeHandler>): Promise<void> => {
    const opened: NetworkWatch[] = [];
    for (const handler of wanted) {
      if (own && handler.cniConfDir === "") continue;
      const key = keyOf(handler);
      if (watches.has(key)) continue;
      const dir = handler.cniConfDir || config.cni.confDir;
      const watch = watchNetworks({ dir, maxNetworks: mostOf(handler) });
      watch.subscribe((state) => logChange(log, dir, state));
      watches.set(key, watch);
      opened.push(watch);
    }
    await Promise.all(opened.map((watch) => watch.reload()));
  };
  const closeUnused = (): void => {
    const used = new Set([...handlers.values()].map(keyOf));
    for (const [key, watch] of watches) {
      if (used.has(key)) continue;
      watches.delete(key);
      void watch[Symbol.asyncDispose]();
    }
  };
  await open(handlers.values());

  const stateOf = (handler: RuntimeHandler): NetworkState =>
    own && handler.cniConfDir === ""
      ? { networks: [own] }
      : (watches.get(keyOf(handler))?.current() ?? { networks: [] });
  /** Those that every pod of the handler gets. */
  const defaultsOf = (handler: RuntimeHandler): NetworkState => {
    const state = stateOf(handler);
    const most = handler.cniMaxConfNum;
    return most === 0 ? state : { ...state, networks: state.networks.slice(0, most) };
  };
  const defaultHandler = (): RuntimeHandler | undefined => handlers.get(config.runtime.defaultHandler);

  return {
    open,
    closeUnused,
    forHandler(handler): readonly NetworkList[] {
      const { networks, error } = defaultsOf(handler);
      if (networks.length > 0) return networks;
      const dir = handler.cniConfDir || config.cni.confDir;
      throw new StatusError(
        Code.Unavailable,
        `no network for pods: ${error?.message ?? `no CNI configuration in "${dir}"`}`,
      );
    },
    named(handler, name): NetworkList {
      const { networks, error } = stateOf(handler);
      const found = networks.find((network) => network.name === name);
      if (found) return found;
      const dir = handler.cniConfDir || config.cni.confDir;
      const why = error?.message ?? `no CNI configuration in "${dir}" has this name`;
      throw new StatusError(Code.Unavailable, `network "${name}" of runtime handler "${handler.name}": ${why}`);
    },
    all: () => [...handlers.values()].flatMap((handler) => stateOf(handler).networks),
    async status(signal) {
      const handler = defaultHandler();
      const { networks, error } = handler ? defaultsOf(handler) : { networks: [], error: undefined };
      if (networks.length === 0) {
        const dir = handler?.cniConfDir || config.cni.confDir;
        return notReady(error?.message ?? `no CNI configuration in "${dir}"`);
      }
      const limit = AbortSignal.any([signal, AbortSignal.timeout(statusMs)]);
      const answers = await Promise.allSettled(networks.map((network) => cni.status(network, limit)));
      const failed = answers.find((answer) => answer.status === "rejected");
      if (failed) return notReady(StatusError.from(failed.reason).message);
      // Pods still get the last good configuration; the operator should know that the present one is broken.
      return { ready: true, reason: "", message: error ? `using the last good configuration: ${error.message}` : "" };
    },
    describe: () =>
      [...handlers.values()].map((handler) => {
        const { networks, error, loadedAt } = stateOf(handler);
        return {
          handler: handler.name,
          directory: handler.cniConfDir || config.cni.confDir,
          networks: networks.map(({ name, source, bytes }) => ({ name, source, config: JSON.parse(bytes) as unknown })),
          lastLoad: error?.message ?? "OK",
          loadedAt: loadedAt?.toISOString(),
        };
      }),
    async updatePodCidrs(cidrs): Promise<void> {
      // As with containerd without a template: whoever configures the node's network writes the CNI configuration.
      log.info({ cidrs }, "pod CIDRs are left to the CNI configuration");
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([...watches.values()].map((watch) => watch[Symbol.asyncDispose]()));
    },
  };
}

function notReady(message: string): Awaited<ReturnType<Networks["status"]>> {
  return { ready: false, reason: "NetworkPluginNotReady", message };
}

function logChange(log: Log, dir: string, { networks, error }: NetworkState): void {
  const names = networks.map(({ name }) => name);
  if (error) log.warn({ dir, networks: names, error: error.message }, "CNI configuration cannot be used as it is");
  else log.info({ dir, networks: names }, "CNI configuration is loaded");
}
