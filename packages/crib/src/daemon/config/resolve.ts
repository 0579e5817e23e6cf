import { posix } from "node:path";

import { parseDuration } from "./duration.ts";
import type { ConfigFile } from "./file-schema.ts";
import { resolveContainers, resolveMetrics, resolveNri, resolveStreaming } from "./resolve-containers.ts";
import { resolveHandlers, resolveSandboxers } from "./resolve-handlers.ts";
import { resolveImages, resolveRegistry } from "./resolve-images.ts";
import type { CniConfig, ConfigFlags, DaemonConfig, DefaultNetwork, FlowConfig } from "./types.ts";

/** Where the configuration is read from when nothing else is said. */
export const defaultConfigPath = "/etc/crib/config.toml";
/** Persistent data, unless moved. */
const defaultRoot = "/var/lib/crib";
/** Volatile data, unless moved. */
const defaultState = "/run/crib";
/** What `default_network = true` and `--default-network` mean. */
const defaultNetwork: DefaultNetwork = { name: "crib", subnet: "10.88.0.0/16", bridge: "crib0" };

/** Fills in what a checked file and the flags leave open. Flags win over the file, the file over the defaults. */
export function resolveConfig(file: ConfigFile, flags: ConfigFlags): DaemonConfig {
  const state = posix.normalize(flags.state ?? file.state ?? defaultState);
  return {
    root: posix.normalize(flags.root ?? file.root ?? defaultRoot),
    state,
    socket: posix.normalize(flags.socket ?? file.socket ?? posix.join(state, "crib.sock")),
    cni: resolveCni(file.cni, flags),
    runtime: {
      defaultHandler: file.runtime?.default_handler ?? "runc",
      netnsDir: flags.netnsDir ?? file.runtime?.netns_dir ?? "/run/netns",
      shimCgroup: file.runtime?.shim_cgroup ?? "/crib.shims",
      pauseBinary: file.runtime?.pause_binary ?? "",
      cgroupDriver: file.runtime?.cgroup_driver ?? "cgroupfs",
    },
    runtimes: resolveHandlers(file),
    sandboxers: resolveSandboxers(file.sandboxers),
    registry: resolveRegistry(file.registry),
    images: resolveImages(file.images),
    containers: resolveContainers(file.containers),
    streaming: resolveStreaming(file.streaming),
    nri: resolveNri(file.nri, state),
    metrics: resolveMetrics(file.metrics),
    flow: resolveFlow(file.flow),
    log: {
      level: (flags.logLevel as DaemonConfig["log"]["level"] | undefined) ?? file.log?.level ?? "info",
      format: file.log?.format ?? "auto",
    },
  };
}

function resolveCni(cni: ConfigFile["cni"], flags: ConfigFlags): CniConfig {
  const asked = cni?.default_network ?? false;
  const on = flags.defaultNetwork === true || asked !== false;
  const settings = typeof asked === "object" ? asked : {};
  return {
    confDir: flags.cniConfDir ?? cni?.conf_dir ?? "/etc/cni/net.d",
    binDirs: flags.cniBinDirs ?? cni?.bin_dirs ?? ["/opt/cni/bin", "/usr/lib/cni"],
    maxConfNum: cni?.max_conf_num ?? 1,
    loopback: cni?.loopback ?? "native",
    ipPreference: cni?.ip_preference ?? "ipv4",
    gc: cni?.gc ?? false,
    defaultNetwork: on && {
      name: settings.name ?? defaultNetwork.name,
      subnet: settings.subnet ?? defaultNetwork.subnet,
      bridge: settings.bridge ?? defaultNetwork.bridge,
    },
  };
}

function resolveFlow(flow: ConfigFile["flow"]): FlowConfig {
  return {
    budgetsMs: milliseconds(flow?.budgets),
    undoBudgetsMs: milliseconds(flow?.undo_budgets),
    runPodSandboxBudgetMs: parseDuration(flow?.run_pod_sandbox_budget ?? "4m") ?? 0,
    retryMinMs: parseDuration(flow?.retry_min ?? "1s") ?? 0,
    retryMaxMs: parseDuration(flow?.retry_max ?? "60s") ?? 0,
  };
}

function milliseconds(budgets: Readonly<Record<string, string>> | undefined): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(budgets ?? {}).map(([step, text]) => [step, parseDuration(text) ?? 0]));
}

/** What no single key shows: one sentence for each contradiction in a resolved configuration. */
export function contradictions(config: DaemonConfig): readonly string[] {
  const problems: string[] = [];
  if (!config.runtimes[config.runtime.defaultHandler]) {
    const names = Object.keys(config.runtimes).join(", ") || "none";
    problems.push(`[runtime] default_handler = "${config.runtime.defaultHandler}": no such handler; there is ${names}`);
  }
  if (config.flow.retryMinMs > config.flow.retryMaxMs) problems.push("[flow] retry_min is above retry_max");
  if (within(config.root, config.state) || within(config.state, config.root)) {
    problems.push(`root "${config.root}" and state "${config.state}": neither may lie in the other`);
  }
  // sun_path of unix(7) has 108 bytes, the last of them zero.
  for (const [key, path] of [
    ["socket", config.socket],
    ["[nri] socket", config.nri.socket],
    ...Object.values(config.sandboxers).map(({ name, address }) => [`[sandboxers.${name}] address`, address] as const),
  ] as const) {
    if (Buffer.byteLength(path) > 107) problems.push(`${key} "${path}": longer than 107 bytes`);
  }
  const { tls } = config.streaming;
  if (tls && (tls.cert === "" || tls.key === "")) {
    problems.push("[streaming] tls_cert and tls_key: one is given without the other");
  }
  for (const [name, { soft, hard }] of Object.entries(config.containers.spec.rlimits)) {
    if (soft > hard) problems.push(`[containers] rlimits: ${name}: soft ${soft} is above hard ${hard}`);
  }
  return problems;
}

function within(parent: string, path: string): boolean {
  return path === parent || path.startsWith(parent.endsWith("/") ? parent : `${parent}/`);
}
