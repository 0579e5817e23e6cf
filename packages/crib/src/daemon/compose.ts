import { join } from "node:path";

import { parseFaults } from "@crib/core/flow";
import {
  type ContainerStore,
  openContainerStore,
  openDatabase,
  openRecordCopies,
  openSandboxStore,
  type SandboxStore,
} from "@crib/core/metadata";
import type { NriHooks } from "@crib/core/nri";
import { createPodsandboxController, imagePauseRoots } from "@crib/core/podsandbox";
import {
  createCgroupOwners,
  createRetries,
  createSandboxRows,
  createStrays,
  endLeftStrays,
  PodSandboxService,
  type RuntimeHandler,
} from "@crib/core/sandbox";
import type { Snapshot } from "@crib/core/snapshots";
import type { HostFeatures } from "@crib/core/spec";
import { createShims, type Shims, type ShimsOptions, type TaskLog } from "@crib/core/tasks";
import type { OfferedHandler } from "@crib/cri";
import { Code, StatusError } from "@crib/errdefs";
import { type Cni, createCni, spawnExec } from "@crib/libcni";
import { bootId, spawnProcess } from "@crib/linux";
import type { Nri } from "@crib/nri";
import { parseReference } from "@crib/oci-spec";
import type { SandboxController } from "@crib/sandboxer";

import type { DaemonConfig } from "./config/types.ts";
import { readHostFeatures } from "./host-features.ts";
import type { Log } from "./log.ts";
import { DaemonMetrics } from "./metrics/daemon-metrics.ts";
import { type DaemonNetworks, openNetworks } from "./networks.ts";
import { type DaemonContainers, openContainers } from "./open-containers.ts";
import { type DaemonImages, openImages } from "./open-images.ts";
import { openPlugins } from "./open-plugins.ts";
import { findPauseCommand } from "./pause-command.ts";
import { describeHandlers } from "./runtime-features.ts";

/** Milliseconds that a pause process has to end by itself; it has nothing to save. */
const stopGraceMs = 0;

/** The parts of a daemon, put together. Disposing of them leaves every pod running. */
export interface Daemon extends AsyncDisposable {
  readonly sandboxes: PodSandboxService;
  readonly containers: DaemonContainers["containers"];
  readonly services: DaemonContainers["services"];
  readonly starts: DaemonContainers["starts"];
  readonly stdio: DaemonContainers["stdio"];
  readonly plugins: NriHooks;
  readonly nri: Nri;
  readonly metrics: DaemonMetrics;
  readonly features: HostFeatures;
  readonly handlers: readonly OfferedHandler[];
  readonly store: SandboxStore;
  readonly containerStore: ContainerStore;
  readonly images: DaemonImages["images"];
  readonly snapshots: DaemonImages["snapshots"];
  readonly cni: Cni;
  readonly networks: DaemonNetworks;
  readonly shims: Shims;
  /** Where the database was put when it could not be read. */
  readonly databaseSetAside: string | undefined;
}

/** Builds a daemon's parts from its configuration. Plain constructor calls; nothing is found by name or registered. */
export async function compose(
  config: DaemonConfig,
  instance: string,
  eventsAddress: string,
  log: Log,
): Promise<Daemon> {
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await openDatabase(join(config.root, "metadata.db")));
  const store = await openSandboxStore(database, openRecordCopies(join(config.root, "sandboxes")));
  const containerStore = await openContainerStore(database, openRecordCopies(join(config.root, "containers")));
  const usernsOf = ({ owner = "" }: Snapshot): string | undefined =>
    store.find(containerStore.find(owner)?.plan.sandboxId ?? owner)?.plan.namespaces.user;
  const imageParts = parts.use(await openImages(config, database, usernsOf, log));
  const strays = createStrays(instance);
  // Begins now and is waited for by each row that is undone or finished, so that it holds up nothing else.
  const straysEnded = endLeftStrays(store, strays);
  straysEnded.catch(() => {}); // whoever waits for it sees the failure
  const cni = createCni({
    pluginDirs: config.cni.binDirs,
    cacheDir: join(config.root, "cni"),
    exec: spawnExec({ scratchDir: config.state, spawn: spawnProcess }),
    onStderr: (stderr) => log.debug(stderr, "CNI plugin wrote to stderr"),
  });
  const networks = parts.use(await openNetworks(config, cni, log));
  const taskLog: TaskLog = (level, message, fields) => log[level](fields, message);
  const shimsOptions: ShimsOptions = {
    stateDir: config.state,
    eventsAddress,
    daemonAddress: config.socket,
    instance,
    shimCgroup: config.runtime.shimCgroup,
    log: taskLog,
  };
  const shims = createShims(shimsOptions);
  parts.defer(() => shims.close());
  const controllers = new Map<string, SandboxController>([
    [
      "podsandbox",
      createPodsandboxController({
        shims,
        pauseRoots: imagePauseRoots({
          ...imageParts,
          mountPointsDir: join(config.root, "mount-points"),
          program: await findPauseCommand(config.runtime.pauseBinary),
          image: config.images.pauseImage === "" ? undefined : parseReference(config.images.pauseImage),
        }),
        handlerOf: (name) => handlerOf(config, name),
        log: taskLog,
      }),
    ],
  ]);
  refuseUnknownControllers(config, controllers);
  const handlers = await describeHandlers(Object.values(config.runtimes));
  const features = readHostFeatures(config.runtime.cgroupDriver, handlers);
  const { nri, hooks } = openPlugins({
    config,
    sandboxes: store,
    containers: containerStore,
    service: () => containerParts.containers,
    features,
    log,
  });
  parts.use(nri);
  const metrics = new DaemonMetrics();
  const containerParts: DaemonContainers = parts.use(
    openContainers({
      config,
      instance,
      sandboxes: store,
      containers: containerStore,
      imageParts,
      controllers,
      shims: shimsOptions,
      hooks,
      features,
      straysEnded,
      metrics,
      log,
    }),
  );
  const { containers } = containerParts;
  const pluginGates = new Map<string, () => void>();
  const cgroups = createCgroupOwners(store);
  const rows = createSandboxRows({
    store,
    deps: {
      cni,
      ipPreference: config.cni.ipPreference,
      controllers,
      cgroups,
      containers,
      hooks,
      pluginGates,
      findSandbox: (id) => store.find(id),
      stopGraceMs,
      loopbackPlugin: config.cni.loopback === "plugin",
      log,
    },
    faults: parseFaults(process.env["CRIB_FAULTS"]),
    budgets: { do: config.flow.budgetsMs, undo: config.flow.undoBudgetsMs },
    endStrays: (id) => strays.end(new Set([id]), { shimsToo: false }),
    observe: (run) => metrics.observe(run),
  });
  const sandboxes = new PodSandboxService({
    instance,
    bootId: bootId(),
    store,
    rows,
    planning: {
      places: { root: config.root, state: config.state, netnsDir: config.runtime.netnsDir },
      handlers: new Map(Object.entries(config.runtimes)),
      defaultHandler: config.runtime.defaultHandler,
      controllers,
      cgroups,
      networksFor: (handler) => networks.forHandler(handler),
      networkNamed: (handler, name) => networks.named(handler, name),
    },
    hooks,
    pluginGates,
    straysEnded,
    retries: createRetries(config.flow.retryMinMs, config.flow.retryMaxMs),
    runBudgetMs: config.flow.runPodSandboxBudgetMs,
    log,
  });
  const owned = parts.move();
  return {
    sandboxes,
    containers,
    plugins: hooks,
    nri,
    metrics,
    features,
    services: containerParts.services,
    starts: containerParts.starts,
    stdio: containerParts.stdio,
    handlers,
    store,
    containerStore,
    images: imageParts.images,
    snapshots: imageParts.snapshots,
    cni,
    networks,
    shims,
    databaseSetAside: database.setAside,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function handlerOf(config: DaemonConfig, name: string): RuntimeHandler {
  const handler = config.runtimes[name];
  if (handler) return handler;
  throw new StatusError(Code.FailedPrecondition, `runtime handler "${name}": not configured any more`);
}

function refuseUnknownControllers(config: DaemonConfig, controllers: ReadonlyMap<string, unknown>): void {
  for (const { name, controller } of Object.values(config.runtimes)) {
    if (controllers.has(controller)) continue;
    const known = [...controllers.keys()].map((known) => `"${known}"`).join(", ");
    throw new StatusError(
      Code.InvalidArgument,
      `[runtimes.${name}] controller = "${controller}": expected one of ${known}`,
    );
  }
}
