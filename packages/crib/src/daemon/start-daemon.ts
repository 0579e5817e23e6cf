import { rm } from "node:fs/promises";
import { join } from "node:path";

import { createExecs } from "@crib/core/exec";
import { removeOrphans } from "@crib/core/snapshots";
import { loadDefaultAppArmorProfile } from "@crib/core/spec";
import { createStats } from "@crib/core/stats";
import { removeDeadSocket, serveShimEvents } from "@crib/core/tasks";
import { createCriServer, type CriServer } from "@crib/cri";
import { Code, StatusError } from "@crib/errdefs";
import { lockFile } from "@crib/linux";
import type { SandboxController } from "@crib/sandboxer";
import type { StreamingServer } from "@crib/streaming";

import { cribVersion } from "../version.ts";
import { addAdminServices } from "./admin/add-admin-services.ts";
import { collectNetworkGarbage } from "./collect-network-garbage.ts";
import { compose, type Daemon } from "./compose.ts";
import type { ConfigCheck } from "./config/load-config.ts";
import type { DaemonConfig } from "./config/types.ts";
import { createImageFs } from "./image-fs.ts";
import { loadInstance } from "./instance.ts";
import type { Log } from "./log.ts";
import type { MetricSources } from "./metrics/daemon-metrics.ts";
import { pluginLines } from "./metrics/plugin-lines.ts";
import { serveMetrics } from "./metrics/serve-metrics.ts";
import { openStreaming } from "./open-streaming.ts";
import { prepareDirectories } from "./prepare-directories.ts";
import { Reloader } from "./reload/reloader.ts";

/** Milliseconds to find out whether a socket is dead. */
const socketMs = 5_000;

/** Milliseconds to compile and load an AppArmor profile. */
const apparmorMs = 10_000;

/** Milliseconds that running flows have to end when the daemon is told to; what is left then is finished by the next one. */
const drainMs = 10_000;

/** How often handlers that cannot run pods are looked at again: what they lacked may have been installed. In milliseconds. */
const recheckMs = 10_000;

/** What a daemon may be given beside its configuration. */
export interface DaemonOptions {
  readonly log: Log;
  /** Reads the configuration again, for reloads. Default: reloads are refused. */
  readonly readConfig?: () => ConfigCheck;
  /** Controllers of whoever embeds crib, by the name that handlers name them by. */
  readonly controllers?: Readonly<Record<string, SandboxController>>;
}

/** A daemon that serves. */
export interface RunningDaemon {
  /** How many pods it had when it began to serve. */
  readonly pods: number;
  /** Reads the configuration again; never rejects: a failure is in the log. */
  reload(): Promise<void>;
  /** Stops serving: flows that run have 10 s to end, pods stay. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon, in the order of trust: nobody else uses the directories, the records are read, what a dead daemon left running is ended,
 * the socket answers, pods are re-attached to, the calls open, and what was half-way is undone or finished in the background. The
 * process's umask must keep others out. FailedPrecondition when another daemon has the directories or the socket.
 */
export async function startDaemon(config: DaemonConfig, options: DaemonOptions): Promise<RunningDaemon> {
  const { log } = options;
  await using parts = new AsyncDisposableStack();
  await prepareDirectories(config);
  for (const dir of [config.root, config.state]) {
    const lock = lockFile(join(dir, "lock"));
    parts.defer(() => lock.release());
  }
  const instance = await loadInstance(config.root);
  const eventsAddress = join(config.state, "events.sock");
  const events = parts.use(await serveShimEvents(eventsAddress, AbortSignal.timeout(socketMs)));
  // From here on, not when all is composed: shims that waited for a daemon tell at once what they have.
  const told = events.watch(new AbortController().signal);
  const daemon = parts.use(await compose({ ...options, config, instance, eventsAddress }));
  reportStore(daemon, log);
  void daemon.containers.followEvents(told);
  const gate = { isOpen: false };
  if (config.metrics.address !== "") {
    const metrics = parts.use(await serveMetrics(config.metrics.address, () => daemon.metrics.render(sources(daemon))));
    log.info({ url: metrics.url }, "metrics are served");
  }
  const streaming = parts.use(await openStreaming(config.streaming, log));
  const reloader = createReloader(config, daemon, options);
  const server = await openServer({ config, daemon, streaming, gate, reloader, log });
  parts.defer(() => server.close());
  const recheck = setInterval(() => void recheckOrSay(reloader, log), recheckMs).unref();
  parts.defer(() => clearInterval(recheck));
  await daemon.sandboxes.reattach();
  await daemon.containers.reattach();
  if (daemon.features.apparmor) await loadAppArmor(log);
  // Plugins are told of what there is, so that it has to be known; and before anything new is made.
  await startPlugins(daemon, log);
  gate.isOpen = true;
  finishLeftovers(daemon, config, log);
  const owned = parts.move();
  return {
    pods: daemon.sandboxes.list().length,
    reload: () => reloadOrSay(reloader, log),
    async stop(): Promise<void> {
      await using _parts = owned;
      await Promise.all([server.close(), streaming.close()]);
      await Promise.all([daemon.sandboxes.close(drainMs), daemon.containers.close(drainMs)]);
      await rm(config.socket, { force: true });
    },
  };
}

/** In the background; each holds up nothing but its own names. */
function finishLeftovers(daemon: Daemon, config: DaemonConfig, log: Log): void {
  daemon.containers.finishLeftovers();
  daemon.sandboxes.finishLeftovers();
  void recoverImages(daemon, log);
  void collectNetworkGarbage(daemon, config.cni.gc, log);
}

/** What the server of the CRI is made of. */
interface ServerParts {
  readonly config: DaemonConfig;
  readonly daemon: Daemon;
  readonly streaming: StreamingServer;
  readonly gate: { readonly isOpen: boolean };
  readonly reloader: Reloader;
  readonly log: Log;
}

async function openServer({ config, daemon, streaming, gate, reloader, log }: ServerParts): Promise<CriServer> {
  const { images, sandboxes, networks, handlers } = daemon;
  const server = createCriServer(
    {
      sandboxes,
      images,
      version: { runtimeName: "crib", runtimeVersion: cribVersion() },
      handlers,
      features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: true },
      networks,
      cgroupDriver: config.runtime.cgroupDriver,
      imageFs: createImageFs(images, config.root),
      containers: daemon.containers,
      execs: createExecs({
        containers: daemon.containers,
        sandboxes,
        taskServices: daemon.services,
        starts: daemon.starts,
        stdio: daemon.stdio,
        drainMs: config.containers.execSyncDrainMs,
        log: (level, message, fields) => log[level](fields, message),
      }),
      streaming,
      stats: createStats({
        snapshots: daemon.snapshots,
        rootDir: config.root,
        cgroupDriver: config.runtime.cgroupDriver,
        taskServices: daemon.services,
        podMetrics: (id, signal) => sandboxes.metrics(id, signal),
        log,
      }),
      config: () => reloader.config,
      sandboxers: () => daemon.controllers.describe(),
      gate,
      log,
    },
    { addServices: addAdminServices({ images, handlers, reloader }) },
  );
  // The locks are held, so a dead socket can only be that of an earlier daemon; one that answers is somebody else's.
  if (!(await removeDeadSocket(config.socket, AbortSignal.timeout(socketMs)))) {
    throw new StatusError(
      Code.FailedPrecondition,
      `socket "${config.socket}": something else serves it, or it is no socket`,
    );
  }
  await server.listen(config.socket);
  return server;
}

function createReloader(config: DaemonConfig, daemon: Daemon, { readConfig, log }: DaemonOptions): Reloader {
  const refuse = (): never => {
    throw new StatusError(Code.Unimplemented, "reading the configuration again: this crib was started without a file");
  };
  return new Reloader({ ...daemon, config, readConfig: readConfig ?? refuse, log });
}

/** Whoever sent the signal cannot be answered. */
async function reloadOrSay(reloader: Reloader, log: Log): Promise<void> {
  try {
    await reloader.reload();
  } catch (reason) {
    log.error({ error: StatusError.from(reason).message }, "the configuration stays as it was");
  }
}

async function recheckOrSay(reloader: Reloader, log: Log): Promise<void> {
  try {
    await reloader.recheck();
  } catch (reason) {
    log.warn({ error: StatusError.from(reason).message }, "broken runtime handlers cannot be looked at again");
  }
}

/** Pulls wait for it by themselves, so that nothing else does. */
async function recoverImages({ images, snapshots, store, containerStore }: Daemon, log: Log): Promise<void> {
  const owners = [store, containerStore];
  const quarantined = new Set(owners.flatMap((records) => records.quarantined).map(({ id }) => id));
  const isKnown = (owner: string): boolean =>
    owners.some((records) => records.find(owner) !== undefined) || quarantined.has(owner);
  try {
    const orphans = await removeOrphans(snapshots, isKnown, new AbortController().signal);
    for (const owner of orphans) log.warn({ owner }, "snapshots of an owner that is not known were removed");
  } catch (reason) {
    log.error({ error: StatusError.from(reason).message }, "snapshots without an owner cannot be removed");
  }
  try {
    await images.recover();
  } catch (reason) {
    log.error({ error: StatusError.from(reason).message }, "images cannot be recovered");
  }
}

/** Without it containers that shall have the default profile fail; others need not. */
async function loadAppArmor(log: Log): Promise<void> {
  try {
    await loadDefaultAppArmorProfile(AbortSignal.timeout(apparmorMs));
  } catch (reason) {
    log.error({ error: StatusError.from(reason).message }, "the default AppArmor profile cannot be loaded");
  }
}

/** A socket that cannot be had costs the plugins, not the pods. */
async function startPlugins({ plugins }: Daemon, log: Log): Promise<void> {
  try {
    await plugins.start();
  } catch (reason) {
    log.error({ error: StatusError.from(reason).message }, "NRI plugins cannot be served");
  }
}

function sources({ sandboxes, containers, images, nri }: Daemon): MetricSources {
  return {
    pods: () => sandboxes.list(),
    containers: () => containers.list(),
    images: () => images.list().length,
    more: () => pluginLines(nri.metrics()),
  };
}

function reportStore({ store, containerStore, databaseSetAside }: Daemon, log: Log): void {
  if (databaseSetAside !== undefined) {
    log.error(
      { setAside: databaseSetAside, records: store.list().length },
      "the database could not be read; it was rebuilt from the records' copies",
    );
  }
  for (const { id, reason } of store.quarantined) {
    log.error({ sandboxId: id, reason }, "a record cannot be used and was put in quarantine");
  }
  for (const { id, reason } of containerStore.quarantined) {
    log.error({ containerId: id, reason }, "a record of a container cannot be used and was put in quarantine");
  }
}
