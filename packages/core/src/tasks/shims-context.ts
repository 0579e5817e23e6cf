import { join } from "node:path";

import { markerValue, shimMarker } from "./shim-processes.ts";
import type { ShimBudgets, ShimsOptions } from "./types.ts";

/** `ShimsOptions` with the defaults filled in. */
export interface ShimsContext extends Required<Omit<ShimsOptions, "budgets">> {
  readonly budgets: ShimBudgets;
  /** Where programs are looked for, by crib and by the shims. */
  readonly path: string;
}

const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Fills in the defaults. */
export function resolveShimsOptions(options: ShimsOptions): ShimsContext {
  return {
    stateDir: options.stateDir,
    eventsAddress: options.eventsAddress,
    daemonAddress: options.daemonAddress ?? join(options.stateDir, "crib.sock"),
    instance: options.instance,
    namespace: options.namespace ?? "k8s.io",
    shimCgroup: options.shimCgroup ?? "/crib.shims",
    runtimeDirs: options.runtimeDirs ?? [],
    publishBinary: options.publishBinary ?? "/bin/true",
    budgets: { start: 15_000, connect: 5_000, shutdown: 3_000, delete: 5_000, kill: 5_000, ...options.budgets },
    path: process.env["PATH"] ?? usualPath,
    log: options.log,
  };
}

/**
 * The environment of a shim's programs (containerd.md 2.3). Of the daemon's own only PATH goes in: what else it has,
 * credentials and socket activation for instance, is not for them. The `CRIB_` variables tell a later daemon whose
 * these processes are.
 */
export function shimEnvironment(context: ShimsContext, id: string): Readonly<Record<string, string>> {
  const { path, eventsAddress, daemonAddress, namespace, instance } = context;
  return {
    PATH: path,
    GOMAXPROCS: "2",
    MAX_SHIM_VERSION: "2",
    TTRPC_ADDRESS: eventsAddress,
    GRPC_ADDRESS: daemonAddress,
    NAMESPACE: namespace,
    CRIB_ROW: id,
    CRIB_INSTANCE: instance,
    [shimMarker]: markerValue(id, instance),
  };
}
