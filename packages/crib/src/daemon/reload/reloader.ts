import type { SandboxStore } from "@crib/core/metadata";
import type { RuntimeHandler } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

import type { ConfigCheck } from "../config/load-config.ts";
import type { DaemonConfig } from "../config/types.ts";
import type { Controllers } from "../handlers/controllers.ts";
import { type HandlerRegistry, type JudgedHandler, judgeHandler } from "../handlers/handler-registry.ts";
import type { Log } from "../log.ts";
import type { DaemonNetworks } from "../networks.ts";
import { changedKeys } from "./changed-keys.ts";
import { type EntryChange, entryChanges } from "./entry-changes.ts";
import type { ReloadReport } from "./types.ts";

/** What a reload works on. */
export interface ReloaderParts {
  /** As the daemon was started with it. */
  readonly config: DaemonConfig;
  /** Reads the configuration as at the start, under the same flags. */
  readonly readConfig: () => ConfigCheck;
  readonly handlers: HandlerRegistry;
  readonly controllers: Controllers;
  readonly networks: Pick<DaemonNetworks, "open" | "closeUnused">;
  readonly store: Pick<SandboxStore, "list">;
  readonly log: Log;
}

/**
 * Has a changed configuration take effect while the daemon runs: of runtime handlers and sandboxers what no pod uses; everything else is
 * named. A pod that is being made meanwhile has either the old handler or the new one, never parts of both: what is slow is done before,
 * and the change itself is one synchronous turn, as planning a pod is.
 */
export class Reloader {
  readonly #parts: ReloaderParts;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
  }

  /** The configuration in force. */
  get config(): DaemonConfig {
    const { config, handlers, controllers } = this.#parts;
    return {
      ...config,
      runtimes: Object.fromEntries(handlers.handlers),
      sandboxers: Object.fromEntries(controllers.sandboxers),
    };
  }

  /** Reads the configuration again. InvalidArgument with every mistake, NotFound without the file; nothing has changed then. */
  reload(): Promise<ReloadReport> {
    return this.#inTurn(async () => {
      const report = await this.#apply(this.#read());
      const { log } = this.#parts;
      log.info({ ...report }, "configuration is read again");
      return report;
    });
  }

  /** Looks again at handlers that were broken: what they lacked may have been installed. */
  recheck(): Promise<void> {
    return this.#inTurn(async () => {
      const { handlers, log } = this.#parts;
      const judged = await this.#judge(handlers.broken.map(({ handler }) => handler));
      for (const one of judged) {
        const { name } = one.handler;
        handlers.set(one);
        if (handlers.whyBroken(name) === undefined) log.info({ handler: name }, "runtime handler can be used now");
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#running.then(work);
    this.#running = turn.catch(() => {}); // whoever asked for that turn sees its failure
    return turn;
  }

  #read(): DaemonConfig {
    const check = this.#parts.readConfig();
    const problems =
      check.kind === "invalid"
        ? check.problems
        : Object.keys(check.config.sandboxers)
            .filter((name) => this.#parts.controllers.isOwn(name))
            .map((name) => `[sandboxers.${name}]: a controller of this name is there already`);
    if (check.kind === "valid" && problems.length === 0) return check.config;
    throw new StatusError(Code.InvalidArgument, `reading the configuration again: ${problems.join("; ")}`);
  }

  async #apply(wanted: DaemonConfig): Promise<ReloadReport> {
    const { config, handlers, controllers, networks } = this.#parts;
    const needsRestart = changedKeys(config, wanted);
    const names = new Set([...controllers.all.keys(), ...Object.keys(wanted.sandboxers)]);
    for (const name of controllers.sandboxers.keys()) {
      if (!Object.hasOwn(wanted.sandboxers, name) && this.#users("controller", name) === 0) names.delete(name);
    }
    const changes = entryChanges(handlers.handlers, wanted.runtimes);
    const judged = await this.#judge(
      changes.flatMap(({ now }) => now ?? []),
      [...names],
    );
    await networks.open(changes.flatMap(({ now }) => now ?? []));

    // From here to the next await nothing else runs.
    const changed: string[] = [];
    const kept: string[] = [];
    this.#changeSandboxers(wanted, changed, kept);
    this.#changeHandlers(changes, judged, changed, kept);
    networks.closeUnused();

    // Controllers have come and gone, also for handlers that are the same.
    for (const one of await this.#judge([...handlers.handlers.values()])) handlers.set(one);
    const broken = handlers.broken.map(({ handler, reason }) => `runtime handler "${handler.name}": ${reason}`);
    return { changed, kept, needsRestart, broken };
  }

  #changeSandboxers({ sandboxers }: DaemonConfig, changed: string[], kept: string[]): void {
    const { controllers } = this.#parts;
    for (const { name, now, kind } of entryChanges(controllers.sandboxers, sandboxers)) {
      const what = `sandboxer "${name}"`;
      const users = this.#users("controller", name);
      if (users > 0 && kind !== "added") {
        kept.push(`${what}: not ${kind}, ${usedBy(users)}`);
        continue;
      }
      // They have waited for it since the start, and nothing is known of them.
      if (users > 0) kept.push(`${what}: ${usedBy(users)}, not taken up again until crib is started again`);
      if (now) controllers.open(now);
      else controllers.remove(name);
      changed.push(`${what}: ${kind}`);
    }
  }

  #changeHandlers(
    changes: readonly EntryChange<RuntimeHandler>[],
    judged: readonly JudgedHandler[],
    changed: string[],
    kept: string[],
  ): void {
    const { handlers } = this.#parts;
    for (const { name, kind } of changes) {
      const what = `runtime handler "${name}"`;
      const users = kind === "added" ? 0 : this.#users("name", name);
      const isDefault = kind === "removed" && name === handlers.defaultName;
      if (users > 0 || isDefault) {
        const why = users > 0 ? usedBy(users) : "it is the default handler until crib is started again";
        kept.push(`${what}: not ${kind}, ${why}`);
        continue;
      }
      const now = judged.find(({ handler }) => handler.name === name);
      if (now) handlers.set(now);
      else handlers.delete(name);
      changed.push(`${what}: ${kind}`);
    }
  }

  /** How many pods there are of a handler or a controller, in whatever state: until it is removed, a pod needs both. */
  #users(key: "name" | "controller", value: string): number {
    return this.#parts.store.list().filter(({ plan }) => plan.handler[key] === value).length;
  }

  #judge(
    handlers: readonly RuntimeHandler[],
    controllers: readonly string[] = [...this.#parts.controllers.all.keys()],
  ): Promise<readonly JudgedHandler[]> {
    return Promise.all(handlers.map((handler) => judgeHandler(handler, controllers)));
  }
}

function usedBy(count: number): string {
  return count === 1 ? "a pod uses it" : `${count} pods use it`;
}
