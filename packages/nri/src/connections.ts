import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";
import { peerCredentials } from "@crib/linux";
import type { ContainerEviction, ContainerUpdate } from "@crib/wire/nri";

import { checkReply, isId } from "./adjust/check-reply.ts";
import { findPlugins, type InstalledPlugin } from "./launch/find-plugins.ts";
import { type LaunchedPlugin, launchPlugin } from "./launch/launch-plugin.ts";
import { listen, type Listener } from "./launch/listen.ts";
import type { InvocationCounters } from "./plugin/invocation-counters.ts";
import type { PluginList } from "./plugin/plugin-list.ts";
import { Plugin, type PluginContext, type PluginOrigin } from "./plugin/plugin.ts";
import { synchronize } from "./plugin/synchronize.ts";
import type { NriHost, NriLog, NriOptions } from "./types.ts";

/** More connections than any node has plugins; what comes beyond is refused. */
const maxConnections = 128;

/** Brings plugins in: from the socket and from the directory, until they are in the list. */
export class Connections {
  readonly #options: NriOptions;
  readonly #log: NriLog;
  readonly #list: PluginList;
  readonly #context: PluginContext;
  readonly #open = new Set<Plugin>();
  readonly #launched = new Set<LaunchedPlugin>();
  #listener: Listener | undefined;
  #host: NriHost | undefined;
  /** Ends when the plugin that joins now has joined or failed. */
  #joining: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(options: NriOptions, log: NriLog, list: PluginList, counters: InvocationCounters) {
    this.#options = options;
    this.#log = log;
    this.#list = list;
    this.#context = {
      options,
      log,
      counters,
      onUpdate: (plugin, updates, evictions) => this.#onUpdate(plugin, updates, evictions),
    };
  }

  async start(host: NriHost): Promise<void> {
    this.#host = host;
    const installed = await findPlugins(this.#options.pluginDir, this.#options.pluginConfigDir, this.#log);
    await Promise.all(installed.map((plugin) => this.#launch(plugin)));
    if (this.#options.disableConnections) return;
    this.#listener = await listen(
      this.#options.socket,
      (socket) => void this.#accept(socket, { pid: peerPid(socket) }),
    );
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  /** Ends containers because a plugin asks for it; on its own, since the event it came with must not wait for that. */
  evict(plugin: string, evictions: readonly ContainerEviction[]): void {
    for (const eviction of evictions) {
      const { containerId, reason } = eviction;
      if (!isId(containerId)) continue;
      this.#log("warn", "NRI plugin evicts a container", { plugin, containerId, reason: reason.slice(0, 1000) });
      this.#host?.evict(eviction).catch((error: unknown) => {
        this.#log("error", "eviction for NRI plugin failed", { plugin, containerId, why: (error as Error).message });
      });
    }
  }

  async #close(): Promise<void> {
    const closed = this.#listener?.close();
    for (const plugin of this.#open) plugin.close("the runtime ends");
    await Promise.all([closed, ...[...this.#launched].map((launched) => launched.end())]);
  }

  async #launch(installed: InstalledPlugin): Promise<void> {
    const fullName = `${installed.index}-${installed.name}`;
    try {
      const launched = await launchPlugin(installed, this.#log);
      this.#launched.add(launched);
      const lost = await this.#accept(launched.socket, { pid: launched.pid, identity: installed }, installed.config);
      void this.#endWith(lost, launched);
    } catch (error) {
      this.#log("error", "NRI plugin not started", { plugin: fullName, why: (error as Error).message });
    }
  }

  async #accept(socket: Duplex, origin: PluginOrigin, config = ""): Promise<Plugin> {
    const plugin = new Plugin(socket, this.#context, origin);
    this.#open.add(plugin);
    void this.#forgetWhenClosed(plugin);
    if (this.#closing !== undefined) plugin.close("the runtime ends");
    if (this.#open.size > maxConnections) plugin.close("there are too many connections");
    try {
      await plugin.register();
      await plugin.configure(config);
      await this.#join(plugin);
    } catch (error) {
      const why = (error as Error).message;
      this.#log("error", "NRI plugin not taken", { plugin: plugin.fullName, pid: origin.pid, why });
      plugin.close(why);
    }
    return plugin;
  }

  async #forgetWhenClosed(plugin: Plugin): Promise<void> {
    const why = await plugin.closed;
    this.#open.delete(plugin);
    this.#log("info", "NRI plugin gone", { plugin: plugin.fullName, pid: plugin.info.pid, why });
  }

  /** A plugin that lost its connection is of no use any more. */
  async #endWith(plugin: Plugin, launched: LaunchedPlugin): Promise<void> {
    await plugin.closed;
    await launched.end();
    this.#launched.delete(launched);
  }

  /** One plugin at a time: it learns of everything there is, and of nothing twice. */
  async #join(plugin: Plugin): Promise<void> {
    const before = this.#joining;
    const joined = before.then(() => this.#synchronize(plugin));
    this.#joining = settled(joined);
    const updates = await joined;
    const { fullName, events, pid } = plugin.info;
    this.#log("info", "NRI plugin joined", { plugin: fullName, pid, events });
    if (updates.length === 0) return;
    // The creations that were held go on by now: an update may need what they hold.
    const failed = (await this.#host?.update(updates)) ?? [];
    for (const { containerId } of failed) {
      this.#log("warn", "update for NRI plugin failed", { plugin: fullName, containerId });
    }
  }

  async #synchronize(plugin: Plugin): Promise<readonly ContainerUpdate[]> {
    const host = this.#host;
    if (host === undefined || plugin.isClosed) throw new StatusError(Code.Unavailable, "the plugin is gone");
    const { synchronizeTimeoutMs } = this.#options;
    const gone = new AbortController();
    void plugin.closed.then((why) => gone.abort(new StatusError(Code.Unavailable, why)));
    const held = await host.hold(AbortSignal.any([gone.signal, AbortSignal.timeout(synchronizeTimeoutMs)]));
    try {
      const update = await synchronize(plugin, held, synchronizeTimeoutMs);
      checkReply(plugin.fullName, { update });
      this.#list.add(plugin);
      plugin.markJoined();
      return update;
    } finally {
      held.release();
    }
  }

  async #onUpdate(
    plugin: Plugin,
    updates: readonly ContainerUpdate[],
    evictions: readonly ContainerEviction[],
  ): Promise<void> {
    checkReply(plugin.fullName, { update: updates });
    this.evict(plugin.fullName, evictions);
    const failed = (await this.#host?.update(updates)) ?? [];
    const ids = failed.filter(({ ignoreFailure }) => !ignoreFailure).map(({ containerId }) => `"${containerId}"`);
    if (ids.length === 0) return;
    // A call with an error has no reply, so the ids are in its words.
    throw new StatusError(Code.Aborted, `updating containers: failed for ${ids.join(", ")}`);
  }
}

/** Settles when work has ended, however: its outcome is told to whoever waits for the work itself. */
async function settled(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

/** Whose connection it is, for the log; 0 when it has ended already. */
function peerPid(socket: Socket): number {
  try {
    return peerCredentials(socket).pid;
  } catch {
    return 0;
  }
}
