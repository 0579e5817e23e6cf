import type { ContainerService } from "@crib/core/containers";
import type { ContainerStore, SandboxStore } from "@crib/core/metadata";
import { createPluginHooks, type NriHooks } from "@crib/core/nri";
import type { HostFeatures } from "@crib/core/spec";
import { createNri, type Nri } from "@crib/nri";

import { cribVersion } from "../version.ts";
import type { DaemonConfig } from "./config/types.ts";
import type { Log } from "./log.ts";

/** What plugins are told of, and can change. */
export interface PluginParts {
  readonly config: DaemonConfig;
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  /** The containers' service, which is made after the hooks that it calls. */
  readonly service: () => ContainerService;
  readonly features: HostFeatures;
  readonly log: Log;
}

/** The NRI of a daemon. Nothing listens before `hooks.start`. */
export interface DaemonPlugins {
  readonly nri: Nri;
  readonly hooks: NriHooks;
}

/** Builds what plugins talk to. */
export function openPlugins({ config, sandboxes, containers, service, features, log }: PluginParts): DaemonPlugins {
  const nriLog = (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void => log[level](fields, message);
  const nri = createNri({ ...config.nri, runtimeName: "crib", runtimeVersion: cribVersion() }, nriLog);
  const hooks = createPluginHooks(nri, {
    sandboxes: () => sandboxes.list(),
    containers: () => containers.list(),
    spec: (id) => service().spec(id),
    update: (containerId, resources, signal) => service().updateUnasked(containerId, resources, signal),
    stop: (containerId, signal) => service().stop(containerId, 0, signal),
    features,
    options: config.containers.spec,
    log: nriLog,
  });
  return { nri, hooks };
}
