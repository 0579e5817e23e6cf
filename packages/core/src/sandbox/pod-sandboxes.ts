import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { SandboxMetrics, TaskEndpoint } from "@crib/sandboxer";

import { createEventHub } from "../events/event-hub.ts";
import { waitFor } from "../flow/budget.ts";
import { type Owner, waitUntilFree } from "../flow/row-owners.ts";
import type { PluginHooks } from "../nri/types.ts";
import { type Asked, askController, measureByController } from "./ask-controller.ts";
import { ExitWatch, type PodContents, type TakenUp } from "./exit-watch.ts";
import { removePodSandbox, runPodSandbox, stopPodSandbox } from "./flows.ts";
import { isReady } from "./is-ready.ts";
import type { OwedShutdowns } from "./owed-shutdowns.ts";
import {
  planPodSandbox,
  type Planning,
  requestChecksum,
  resolveController,
  resolveHandler,
} from "./plan-pod-sandbox.ts";
import { sandboxName } from "./pod-names.ts";
import { newSandboxId } from "./sandbox-id.ts";
import { SandboxLife, type SandboxLifeOptions } from "./sandbox-life.ts";
import type {
  ControllerFacts,
  PodSandboxes,
  PodSandboxRequest,
  RuntimeHandler,
  SandboxEvent,
  SandboxFilter,
  SandboxRecord,
} from "./types.ts";

/** What the pod sandboxes of a daemon are made of. */
export interface PodSandboxesOptions extends Omit<SandboxLifeOptions, "publish"> {
  readonly instance: string;
  readonly bootId: string;
  readonly planning: Planning;
  readonly hooks: Pick<PluginHooks, "updatePodSandbox" | "postUpdatePodSandbox">;
  readonly contents: PodContents;
  readonly owed: Pick<OwedShutdowns, "settle" | "close">;
  /** Where the tasks of a pod are served, if that is known without starting anything. Default: it is not known. */
  readonly taskEndpointOf?: (id: string) => TaskEndpoint | undefined;
}

/** The pod sandboxes of a daemon, and how they come back when it starts. */
export class PodSandboxService implements PodSandboxes {
  readonly #options: PodSandboxesOptions;
  readonly #life: SandboxLife;
  readonly #exits: ExitWatch;
  readonly #events = createEventHub<SandboxEvent>();
  #closed = false;

  constructor(options: PodSandboxesOptions) {
    this.#options = options;
    this.#life = new SandboxLife({
      ...options,
      publish: (kind, record) => this.#events.publish({ kind, record, at: new Date() }),
    });
    this.#exits = new ExitWatch({ ...options, life: this.#life });
  }

  async run(request: PodSandboxRequest, signal: AbortSignal): Promise<string> {
    const { planning, store } = this.#options;
    const handler = resolveHandler(planning, request.runtimeHandler);
    const checksum = requestChecksum(request, handler);
    const name = sandboxName(request.pod);
    for (;;) {
      const holder = store.findByName(name);
      if (!holder) return await waitFor(this.#begin(name, request, handler), signal);
      const id = await this.#meet(holder, checksum, signal);
      if (id !== undefined) return id;
    }
  }

  async stop(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#find(id);
      if (!record || record.state === "notready" || record.state === "removing") return;
      const owner = this.#life.owners.find(record.id);
      if (owner) await yieldTo(owner, stopPodSandbox.name, signal);
      else if (record.state === "creating") return await waitFor(this.#life.undo(record.id), signal);
      else return await waitFor(this.#life.stop(record.id), signal);
    }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#find(id);
      if (!record) return;
      const owner = this.#life.owners.find(record.id);
      if (owner) await yieldTo(owner, removePodSandbox.name, signal);
      else if (record.state === "creating") return await waitFor(this.#life.undo(record.id), signal);
      else if (record.state === "ready" || record.state === "stopping")
        await waitFor(this.#life.stop(record.id), signal);
      else return await waitFor(this.#life.remove(record.id), signal);
    }
  }

  get(idOrPrefix: string): SandboxRecord {
    const record = this.#options.store.get(idOrPrefix);
    if (isVisible(record)) return this.#shown(record);
    throw new StatusError(Code.NotFound, `sandbox "${idOrPrefix}": not found`);
  }

  async describe(id: string, signal: AbortSignal): Promise<ControllerFacts | undefined> {
    return await askController(this.#asked(id), signal);
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    return await measureByController(this.#asked(id), signal);
  }

  list(filter: SandboxFilter = {}): readonly SandboxRecord[] {
    const labels = Object.entries(filter.labels ?? {});
    return this.#options.store
      .list()
      .filter(isVisible)
      .map((record) => this.#shown(record))
      .filter(
        (record) =>
          (filter.id === undefined || record.id.startsWith(filter.id)) &&
          (filter.ready === undefined || filter.ready === isReady(record)) &&
          labels.every(([key, value]) => Object.hasOwn(record.plan.labels, key) && record.plan.labels[key] === value),
      );
  }

  async update(id: string, change: Parameters<PodSandboxes["update"]>[1], signal: AbortSignal): Promise<void> {
    const asked = this.get(id);
    const { rows, store, planning, hooks } = this.#options;
    await hooks.updatePodSandbox(asked, change, signal);
    const record = this.get(id);
    rows.change(record.id, { facts: { ...record.facts, updated: { ...record.facts.updated, ...change } } });
    await store.copy(record.id);
    if (!isReady(record)) return;
    await resolveController(planning, record.plan.handler).update(record.id, change, signal);
    await hooks.postUpdatePodSandbox(this.get(id), signal);
  }

  watch(signal: AbortSignal): AsyncIterable<SandboxEvent> {
    return this.#events.watch(signal);
  }

  #asked(id: string): Asked {
    const record = this.get(id);
    const { planning, taskEndpointOf } = this.#options;
    const controller = planning.controllers.get(record.plan.handler.controller);
    return { record, controller, endpoint: taskEndpointOf?.(record.id) };
  }

  /** Re-attaches to every sandbox that was ready; see `ExitWatch.reattach`. */
  reattach(): Promise<void> {
    return this.#exits.reattach();
  }

  /** Keeps the pods of a controller that goes as they are, not ready; see `ExitWatch.leave`. The controller may be taken away in the same turn. */
  quarantine(controller: string): void {
    this.#exits.leave(controller);
  }

  /**
   * Takes up the pods that wait for a controller, which is there now; see `ExitWatch.takeUp`. What it has of pods that were removed without
   * it is freed in the background.
   */
  takeUp(controller: string): Promise<TakenUp> {
    void this.#options.owed.settle();
    return this.#exits.takeUp(controller);
  }

  /** Undoes or finishes, in the background, every row that was left half-way. */
  finishLeftovers(): void {
    for (const { id, state } of this.#options.store.list()) {
      if (state !== "ready" && state !== "notready") void this.#life.heal(id);
    }
    void this.#options.owed.settle();
  }

  /** Begins nothing new, and waits for flows that run, at most `timeoutMs`; what still runs then is left to the next start. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.#exits.close();
    this.#options.owed.close();
    await this.#life.close(timeoutMs);
  }

  /** Everything up to the row's insertion is synchronous, so that two requests cannot both find the name free. */
  async #begin(name: string, request: PodSandboxRequest, handler: RuntimeHandler): Promise<string> {
    const { instance, bootId, planning, store } = this.#options;
    if (this.#closed) throw new StatusError(Code.Unavailable, "crib is shutting down");
    const id = newSandboxId(instance);
    const plan = planPodSandbox(planning, request, handler, id);
    const createdAt = new Date().toISOString();
    store.insert({ version: 1, id, name, state: "creating", createdAt, bootId, plan, facts: {}, runs: [] });
    await this.#life.create(id);
    this.#exits.follow(id);
    return id;
  }

  /** What a request meets that finds its name held: the holder's id when it is the same request, undefined when the name may be free now. */
  async #meet(holder: SandboxRecord, checksum: string, signal: AbortSignal): Promise<string | undefined> {
    const { id, state } = holder;
    const owner = this.#life.owners.find(id);
    const isSame = holder.plan.checksum === checksum;
    if (isReady(holder) || (state === "creating" && owner && !owner.undoing)) {
      if (!isSame) throw heldByOther(holder);
      if (owner?.flow === runPodSandbox.name) await waitFor(owner.done, signal);
      return id;
    }
    if (state === "creating" || state === "removing") {
      // The end of the clean-up that runs, or one more try of it; then the name is free.
      if (owner) await waitUntilFree(owner, signal);
      else await waitFor(state === "creating" ? this.#life.undo(id) : this.#life.remove(id), signal);
      return undefined;
    }
    throw new StatusError(
      Code.AlreadyExists,
      `pod sandbox "${holder.name}": sandbox "${id}" of this attempt is no longer ready; raise the attempt or remove "${id}"`,
    );
  }

  /**
   * With what only its controller knows: a pod of which nobody can tell at present says so, and after some time it is not shown as ready,
   * until somebody can.
   */
  #shown(record: SandboxRecord): SandboxRecord {
    if (!isReady(record)) return record;
    const found = this.#options.planning.controllers.get(record.plan.handler.controller)?.pending?.(record.id);
    if (!found) return record;
    const pending = { reason: found.reason, since: found.since.toISOString() };
    const isOver = found.readyUntil.getTime() <= Date.now();
    return { ...record, pending, ...(isOver && { unreachable: pending }) };
  }

  #find(id: string): SandboxRecord | undefined {
    try {
      return this.#options.store.get(id);
    } catch (reason) {
      if (hasCode(reason, Code.NotFound)) return undefined;
      throw reason;
    }
  }
}

/** Waits for the flow that has the row; one that creates is aborted first, one of the wanted kind is joined. */
async function yieldTo(owner: Owner, wanted: string, signal: AbortSignal): Promise<void> {
  if (owner.flow === runPodSandbox.name) {
    owner.abort.abort(new StatusError(Code.Canceled, "the pod sandbox is being stopped"));
  }
  if (owner.flow === wanted) await waitFor(owner.done, signal);
  else await waitUntilFree(owner, signal);
}

/** A row that is still being made is nobody's business but its caller's, unless it cannot be unmade. */
function isVisible(record: SandboxRecord): boolean {
  return record.state !== "creating" || record.problem !== undefined;
}

function heldByOther(holder: SandboxRecord): StatusError {
  return new StatusError(
    Code.AlreadyExists,
    `pod sandbox "${holder.name}": sandbox "${holder.id}" has this name, namespace, uid and attempt with another configuration`,
  );
}
