import type { SandboxStore } from "@crib/core/metadata";
import type { PodSandboxService, RuntimeHandler } from "@crib/core/sandbox";
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
  readonly sandboxes: Pick<PodSandboxService, "quarantine" | "takeUp">;
  readonly log: Log;
}

/**
 * Has a changed configuration take effect while the daemon runs: of runtime handlers and sandboxers what no pod uses, and sandboxers that
 * cannot be reached, whose pods are kept without them until they are configured again; everything else is named. A pod that is being made meanwhile has either the old handler or the new one, never parts of both: what is slow is done before,
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
    const lost = await this.#lostOnes(wanted);
    const names = new Set([...controllers.all.keys(), ...Object.keys(wanted.sandboxers)]);
    for (const name of controllers.sandboxers.keys()) {
      const isFree = this.#users("controller", name) === 0 || lost.has(name);
      if (!Object.hasOwn(wanted.sandboxers, name) && isFree) names.delete(name);
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
    const waitedFor = this.#changeSandboxers(wanted, lost, changed, kept);
    this.#changeHandlers(changes, judged, changed, kept);
    networks.closeUnused();

    // Controllers have come and gone, also for handlers that are the same.
    for (const one of await this.#judge([...handlers.handlers.values()])) handlers.set(one);
    for (const name of waitedFor) await this.#takeUp(name, changed, kept);
    const broken = handlers.broken.map(({ handler, reason }) => `runtime handler "${handler.name}": ${reason}`);
    return { changed, kept, needsRestart, broken };
  }

  /** Why nobody can use them, by name, of sandboxers that are to be removed although pods use them. */
  async #lostOnes({ sandboxers }: DaemonConfig): Promise<ReadonlyMap<string, string>> {
    const { controllers } = this.#parts;
    const asked = [...controllers.sandboxers.keys()].filter(
      (name) => !Object.hasOwn(sandboxers, name) && this.#users("controller", name) > 0,
    );
    const found = await Promise.all(asked.map(async (name) => [name, await controllers.whyLost(name)] as const));
    return new Map(found.flatMap(([name, why]) => (why === undefined ? [] : [[name, why] as const])));
  }

  /** Gives the names of those that are new, and that pods have waited for. */
  #changeSandboxers(
    { sandboxers }: DaemonConfig,
    lost: ReadonlyMap<string, string>,
    changed: string[],
    kept: string[],
  ): readonly string[] {
    const { controllers, sandboxes } = this.#parts;
    const waitedFor: string[] = [];
    for (const { name, now, kind } of entryChanges(controllers.sandboxers, sandboxers)) {
      const what = `sandboxer "${name}"`;
      const users = this.#users("controller", name);
      const whyLost = kind === "removed" ? lost.get(name) : undefined;
      if (users > 0 && kind !== "added" && whyLost === undefined) {
        kept.push(`${what}: not ${kind}, ${usedBy(users)}`);
        continue;
      }
      const although = users > 0 && whyLost !== undefined ? `, although ${usedBy(users)}: ${whyLost}` : "";
      if (although !== "") sandboxes.quarantine(name);
      if (users > 0 && kind === "added") waitedFor.push(name);
      if (now) controllers.open(now);
      else controllers.remove(name);
      changed.push(`${what}: ${kind}${although}`);
    }
    return waitedFor;
  }

  async #takeUp(sandboxer: string, changed: string[], kept: string[]): Promise<void> {
    const { ready, waiting, ended } = await this.#parts.sandboxes.takeUp(sandboxer);
    const what = `sandboxer "${sandboxer}"`;
    if (ready > 0) changed.push(`${what}: ${pods(ready)} taken up again`);
    if (ended > 0) changed.push(`${what}: ${pods(ended)} not there any more`);
    if (waiting > 0) kept.push(`${what}: ${pods(waiting)} not ready until it answers`);
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

function pods(count: number): string {
  return count === 1 ? "a pod is" : `${count} pods are`;
}

function usedBy(count: number): string {
  return count === 1 ? "a pod uses it" : `${count} pods use it`;
}
