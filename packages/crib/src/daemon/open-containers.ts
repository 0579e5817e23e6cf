import {
  ContainerService,
  createContainerRows,
  createTaskStrays,
  runningTasks,
  StopClocks,
  TaskExits,
} from "@crib/core/containers";
import { createRetries, parseFaults } from "@crib/core/flow";
import { createStdio, type Stdio } from "@crib/core/io";
import type { ContainerStore, SandboxStore } from "@crib/core/metadata";
import type { PluginHooks } from "@crib/core/nri";
import type { SandboxPlan } from "@crib/core/sandbox";
import { buildContainerSpec, createVolumeStore, type HostFeatures } from "@crib/core/spec";
import {
  createTaskDeleter,
  createTaskServices,
  StartTurns,
  type ShimsOptions,
  type OpenTaskServices,
} from "@crib/core/tasks";
import { bootId } from "@crib/linux";
import type { SandboxController } from "@crib/sandboxer";

import type { DaemonConfig } from "./config/types.ts";
import type { Log } from "./log.ts";
import type { DaemonMetrics } from "./metrics/daemon-metrics.ts";
import type { DaemonImages } from "./open-images.ts";

/** What containers stand on. */
export interface ContainerParts {
  readonly config: DaemonConfig;
  readonly instance: string;
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  readonly imageParts: DaemonImages;
  readonly controllers: ReadonlyMap<string, SandboxController>;
  /** Stands in for controllers that are not among them. */
  readonly gone: SandboxController;
  readonly shims: ShimsOptions;
  readonly hooks: PluginHooks;
  readonly features: HostFeatures;
  readonly straysEnded: Promise<void>;
  readonly metrics: DaemonMetrics;
  readonly log: Log;
}

/** The containers of a daemon and what runs them. Disposing of it leaves every container running. */
export interface DaemonContainers extends AsyncDisposable {
  readonly containers: ContainerService;
  readonly services: OpenTaskServices;
  readonly starts: StartTurns;
  readonly stdio: Stdio;
}

/** Builds what containers are made of. Nothing is done for any before `reattach`. */
export function openContainers(parts: ContainerParts): DaemonContainers {
  const { config, instance, sandboxes, imageParts, controllers, hooks, features, log } = parts;
  const { images, snapshots, trees } = imageParts;
  const planOf = (sandboxId: string): SandboxPlan => sandboxes.get(sandboxId).plan;
  const controllerOf = (sandboxId: string): SandboxController =>
    controllers.get(planOf(sandboxId).handler.controller) ?? parts.gone;
  const remoteOf: Parameters<typeof createTaskDeleter>[2] = (sandboxId) => {
    if (planOf(sandboxId).declares.localTasks !== false) return undefined;
    const { tasks: table } = controllerOf(sandboxId);
    return table ? { table } : {};
  };
  const services = createTaskServices({
    controllerOf,
    runningTasks: (sandboxId) => runningTasks(parts.containers.list(), sandboxId),
    log: (level, message, fields) => log[level](fields, message),
  });
  const stdio = createStdio({
    log: (level, message, fields) => log[level](fields, message),
    endStdin: async (id) => {
      const { signal } = new AbortController();
      const { tasks } = await services.of(parts.containers.get(id).plan.sandboxId, signal);
      await tasks.closeStdin(id, "", signal);
    },
  });
  const { ignoreImageDefinedVolumes } = config.containers.spec;
  const starts = new StartTurns();
  const endHelpers = createTaskStrays(instance);
  const exits = new TaskExits({ services, ended: (id, end) => containers.taskEnded(id, end) });
  const rows = createContainerRows({
    store: parts.containers,
    deps: {
      stateDir: config.state,
      images,
      snapshots,
      trees,
      volumes: createVolumeStore({ images, snapshots, trees, ignoreImageDefinedVolumes }),
      buildSpec: (input) => buildContainerSpec(input),
      features,
      specOptions: config.containers.spec,
      stdio,
      services,
      starts,
      remains: createTaskDeleter(parts.shims, (sandboxId) => planOf(sandboxId).handler, remoteOf),
      endHelpers,
      hooks,
      findSandbox: (id) => sandboxes.find(id),
      findContainer: (id) => parts.containers.find(id),
      exits,
      clocks: new StopClocks(),
      sessions: new Map(),
      waiting: new Map(),
      log,
    },
    faults: parseFaults(process.env["CRIB_FAULTS"]),
    budgets: { do: config.flow.budgetsMs, undo: config.flow.undoBudgetsMs },
    endStrays: endHelpers,
    observe: (run) => parts.metrics.observe(run),
  });
  const { maxLogLineBytes: maxLineBytes, logLimit: limit } = config.containers;
  const containers: ContainerService = new ContainerService({
    instance,
    bootId: bootId(),
    planning: { rootDir: config.root, stateDir: config.state, log: { maxLineBytes, ...(limit && { limit }) } },
    rows,
    straysEnded: parts.straysEnded,
    retries: createRetries(config.flow.retryMinMs, config.flow.retryMaxMs),
    runBudgetMs: config.flow.runPodSandboxBudgetMs,
    log,
  });
  return {
    containers,
    services,
    starts,
    stdio,
    async [Symbol.asyncDispose](): Promise<void> {
      await containers.close(0);
      await services[Symbol.asyncDispose]();
      await stdio.close();
    },
  };
}
