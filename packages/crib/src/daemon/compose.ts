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
  createGoneController,
  createRetries,
  createSandboxRows,
  createStrays,
  endLeftStrays,
  OwedShutdowns,
  PodSandboxService,
  type Retries,
  type RuntimeHandler,
} from "@crib/core/sandbox";
import { createShimController } from "@crib/core/shim";
import type { Snapshot } from "@crib/core/snapshots";
import type { HostFeatures } from "@crib/core/spec";
import { createShims, type Shims, type ShimsOptions, type TaskLog } from "@crib/core/tasks";
import { Code, StatusError } from "@crib/errdefs";
import { type Cni, createCni, spawnExec } from "@crib/libcni";
import { bootId, spawnProcess } from "@crib/linux";
import type { Nri } from "@crib/nri";
import { parseReference } from "@crib/oci-spec";
import type { SandboxController } from "@crib/sandboxer";

import type { DaemonConfig } from "./config/types.ts";
import { Controllers } from "./handlers/controllers.ts";
import { HandlerRegistry, judgeHandler } from "./handlers/handler-registry.ts";
import { readHostFeatures } from "./host-features.ts";
import type { Log } from "./log.ts";
import { DaemonMetrics } from "./metrics/daemon-metrics.ts";
import { type DaemonNetworks, openNetworks } from "./networks.ts";
import { type DaemonContainers, openContainers } from "./open-containers.ts";
import { type DaemonImages, openImages } from "./open-images.ts";
import { openPlugins } from "./open-plugins.ts";
import { findPauseCommand } from "./pause-command.ts";

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
  readonly handlers: HandlerRegistry;
  readonly controllers: Controllers;
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

/** What `compose` is given. */
export interface ComposeOptions {
  readonly config: DaemonConfig;
  readonly instance: string;
  /** Path of the socket that shims tell their events to. */
  readonly eventsAddress: string;
  readonly log: Log;
  /** Controllers of whoever embeds crib, by the name that handlers name them by. AlreadyExists for one that is taken. */
  readonly controllers?: Readonly<Record<string, SandboxController>>;
}

/** Builds a daemon's parts from its configuration. Plain constructor calls; nothing is found by name or registered. */
export async function compose(options: ComposeOptions): Promise<Daemon> {
  const { config, instance, eventsAddress, log } = options;
  await using parts = new AsyncDisposableStack();
  const database = parts.use(await openDatabase(join(config.root, "metadata.db")));
  const store = await openSandboxStore(database, openRecordCopies(join(config.root, "sandboxes")));
  const containerStore = await openContainerStore(database, openRecordCopies(join(config.root, "containers")));
  const usernsOf = ({ owner = "" }: Snapshot): string | undefined =>
    store.find(containerStore.find(owner)?.plan.sandboxId ?? owner)?.plan.namespaces.user;
  const handlers = new HandlerRegistry(config.runtime.defaultHandler);
  const imageParts = parts.use(await openImages(config, handlers.names, database, usernsOf, log));
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
  const handlerOf = handlerFinder(handlers, store);
  const podsandbox = createPodsandboxController({
    shims,
    pauseRoots: imagePauseRoots({
      ...imageParts,
      mountPointsDir: join(config.root, "mount-points"),
      program: await findPauseCommand(config.runtime.pauseBinary),
      image: config.images.pauseImage === "" ? undefined : parseReference(config.images.pauseImage),
    }),
    handlerOf,
    log: taskLog,
  });
  const shim = createShimController({ shims, handlerOf, log: taskLog });
  const own = ownControllers({ podsandbox, shim }, options.controllers);
  const controllers = parts.use(new Controllers({ own, stateDir: config.state, handlerOf, log: taskLog }));
  for (const sandboxer of Object.values(config.sandboxers)) controllers.open(sandboxer);
  await fillHandlers(handlers, config, controllers, log);
  const networks = parts.use(await openNetworks(config, handlers.handlers, cni, log));
  const newRetries = (): Retries => createRetries(config.flow.retryMinMs, config.flow.retryMaxMs);
  const owed = new OwedShutdowns({
    dir: join(config.root, "owed"),
    controllers: controllers.all,
    retries: newRetries(),
    log,
  });
  const gone = createGoneController({ shims, findSandbox: (id) => store.find(id), owed, log });
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
      controllers: controllers.all,
      gone,
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
      controllers: controllers.all,
      gone,
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
      handlers: handlers.handlers,
      whyBroken: (name) => handlers.whyBroken(name),
      defaultHandler: config.runtime.defaultHandler,
      controllers: controllers.all,
      cgroups,
      networksFor: (handler) => networks.forHandler(handler),
      networkNamed: (handler, name) => networks.named(handler, name),
    },
    hooks,
    contents: containers,
    owed,
    taskEndpointOf: (id) => containerParts.services.endpointOf(id),
    pluginGates,
    straysEnded,
    retries: newRetries(),
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
    controllers,
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

/** The handler of a pod, as its plan has it; without a pod of that name, as configured now. */
function handlerFinder(
  { handlers }: HandlerRegistry,
  store: SandboxStore,
): (name: string, sandboxId?: string) => RuntimeHandler {
  return (name, sandboxId = "") => {
    const planned = store.find(sandboxId)?.plan.handler;
    // A pod outlives the configuration of its handler.
    const found =
      planned ?? handlers.get(name) ?? store.list().find(({ plan }) => plan.handler.name === name)?.plan.handler;
    if (found) return found;
    throw new StatusError(Code.FailedPrecondition, `runtime handler "${name}": not configured any more`);
  };
}

function ownControllers(
  own: Readonly<Record<string, SandboxController>>,
  given: ComposeOptions["controllers"] = {},
): ReadonlyMap<string, SandboxController> {
  const taken = Object.keys(given).find((name) => Object.hasOwn(own, name) || name === "docker");
  if (taken !== undefined) {
    throw new StatusError(Code.AlreadyExists, `controller "${taken}": crib has one of this name`);
  }
  return new Map(Object.entries({ ...own, ...given }));
}

/** One that cannot be used costs its pods, not the daemon. */
async function fillHandlers(
  handlers: HandlerRegistry,
  config: DaemonConfig,
  controllers: Controllers,
  log: Log,
): Promise<void> {
  const names = [...controllers.all.keys()];
  const judged = await Promise.all(Object.values(config.runtimes).map((handler) => judgeHandler(handler, names)));
  for (const one of judged) {
    handlers.set(one);
    if ("warning" in one) {
      log.warn(
        { handler: one.handler.name, reason: one.warning },
        "runtime handler is used although its OCI runtime is old",
      );
    }
  }
  for (const { handler, reason } of handlers.broken) {
    log.warn({ handler: handler.name, reason }, "runtime handler cannot be used");
  }
}
