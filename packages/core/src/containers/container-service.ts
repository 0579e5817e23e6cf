import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { createEventHub } from "../events/event-hub.ts";
import { waitFor } from "../flow/budget.ts";
import { type Owner, waitUntilFree } from "../flow/row-owners.ts";
import type { ShimEvent } from "../tasks/shim-events.ts";
import { type CheckpointRequest, ContainerCheckpoints } from "./checkpoint/container-checkpoints.ts";
import { containerStateOf } from "./container-state.ts";
import type { TaskEnd } from "./exits/task-end.ts";
import { withOomKill } from "./exits/with-oom-kill.ts";
import { createTask, startContainer } from "./flows.ts";
import { ContainerCreation, readySandbox } from "./life/container-creation.ts";
import { checkpointContainer, ContainerEnds } from "./life/container-ends.ts";
import { ContainerLife, type ContainerLifeOptions } from "./life/container-life.ts";
import { ContainerUpdates } from "./life/container-updates.ts";
import { PluginNotices } from "./life/plugin-notices.ts";
import type { ContainerPlanning } from "./plan-container.ts";
import { Reattachment } from "./recovery/reattachment.ts";
import type {
  ContainerEvent,
  ContainerFilter,
  ContainerRecord,
  ContainerRequest,
  ContainerResources,
  Containers,
  PodContainers,
} from "./types.ts";

/** What the containers of a daemon are made of. */
export interface ContainerServiceOptions extends Omit<ContainerLifeOptions, "publish" | "notices"> {
  readonly instance: string;
  readonly bootId: string;
  readonly planning: ContainerPlanning;
}

/** The containers of a daemon, and how they come back when it starts. */
export class ContainerService implements Containers, PodContainers {
  readonly #options: ContainerServiceOptions;
  readonly #life: ContainerLife;
  readonly #notices: PluginNotices;
  readonly #updates: ContainerUpdates;
  readonly #reattachment: Reattachment;
  readonly #checkpoints: ContainerCheckpoints;
  readonly #creation: ContainerCreation;
  readonly #ends: ContainerEnds;
  readonly #events = createEventHub<ContainerEvent>();
  #closed = false;

  constructor(options: ContainerServiceOptions) {
    this.#options = options;
    this.#notices = new PluginNotices(options.rows, (updates) => this.#updates.makeAll(updates));
    this.#life = new ContainerLife({
      ...options,
      notices: this.#notices,
      publish: (kind, record) => this.#events.publish({ kind, record, at: new Date() }),
    });
    this.#updates = new ContainerUpdates(options.rows, this.#life);
    const life = this.#life;
    const refuseClosed = (): void => this.#refuseClosed();
    this.#creation = new ContainerCreation({ ...options, life, updates: this.#updates, refuseClosed });
    this.#ends = new ContainerEnds({ rows: options.rows, life, notices: this.#notices });
    this.#checkpoints = new ContainerCheckpoints(options.rows.deps);
    this.#reattachment = new Reattachment({ ...options, life });
  }

  create(request: ContainerRequest, signal: AbortSignal): Promise<string> {
    return this.#creation.create(request, signal);
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.get(id);
      const owner = this.#life.owners.find(record.id);
      if (owner?.flow === startContainer.name) return await waitFor(owner.done, signal);
      if (owner?.flow === createTask.name) return await waitFor(this.#startAfter(owner, record.id), signal);
      if (owner) {
        await waitUntilFree(owner, signal);
        continue;
      }
      if (record.state !== "created") {
        const state = containerStateOf(record);
        throw new StatusError(Code.FailedPrecondition, `starting container "${record.id}": it is ${state}`);
      }
      readySandbox(this.#options.rows, record.plan.sandboxId);
      this.#refuseClosed();
      if (!this.#life.ahead.isStale(record)) return await waitFor(this.#life.start(record.id), signal);
      await waitFor(this.#life.ahead.takeBack(record.id), signal);
    }
  }

  stop(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return this.#ends.stop(id, timeoutMs, signal);
  }

  remove(id: string, signal: AbortSignal): Promise<void> {
    return this.#ends.remove(id, signal);
  }

  get(idOrPrefix: string): ContainerRecord {
    const record = this.#options.rows.store.get(idOrPrefix);
    if (isVisible(record)) return record;
    throw new StatusError(Code.NotFound, `container "${idOrPrefix}": not found`);
  }

  list(filter: ContainerFilter = {}): readonly ContainerRecord[] {
    const labels = Object.entries(filter.labels ?? {});
    return this.#options.rows.store
      .list()
      .filter(
        (record) =>
          isVisible(record) &&
          (filter.id === undefined || record.id.startsWith(filter.id)) &&
          (filter.sandboxId === undefined || record.plan.sandboxId.startsWith(filter.sandboxId)) &&
          (filter.state === undefined || containerStateOf(record) === filter.state) &&
          labels.every(([key, value]) => Object.hasOwn(record.plan.labels, key) && record.plan.labels[key] === value),
      );
  }

  async update(id: string, resources: ContainerResources, signal: AbortSignal): Promise<void> {
    await this.#updates.ask(this.get(id), resources, signal);
  }

  /** Changes limits without asking plugins. NotFound; FailedPrecondition when it has ended. */
  async updateUnasked(id: string, resources: ContainerResources, signal: AbortSignal): Promise<void> {
    await this.#updates.make(this.get(id).id, resources, signal);
  }

  async reopenLog(id: string, signal: AbortSignal): Promise<void> {
    const record = this.get(id);
    const stdio = this.#options.rows.deps.stdio.find(record.id);
    if (record.state !== "running" || !stdio) {
      throw new StatusError(Code.FailedPrecondition, `reopening the log of container "${record.id}": it does not run`);
    }
    await waitFor(stdio.reopenLog(), signal);
  }

  async checkpoint(idOrPrefix: string, request: CheckpointRequest, signal: AbortSignal): Promise<void> {
    for (;;) {
      const { id } = this.get(idOrPrefix);
      this.#refuseClosed();
      const owner = this.#life.owners.find(id);
      if (!owner) return await waitFor(this.#checkpoint(id, request), signal);
      await waitUntilFree(owner, signal);
    }
  }

  async spec(id: string): Promise<string | undefined> {
    // Of one that is being made too: plugins that saw it are told when it is taken back.
    const { plan } = this.#options.rows.store.get(id);
    try {
      return await readFile(join(plan.bundleDir, "config.json"), "utf8");
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw StatusError.from(reason, `reading the specification of container "${id}"`);
    }
  }

  watch(signal: AbortSignal): AsyncIterable<ContainerEvent> {
    return this.#events.watch(signal);
  }

  stopAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    return this.#ends.stopAll(sandboxId, signal);
  }

  removeAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    return this.#ends.removeAll(sandboxId, signal);
  }

  /** Told by the watch over tasks. The flow that has the row just now may be the one that takes care of it. */
  taskEnded(id: string, end: TaskEnd): void {
    void this.#ends.taskEnded(id, end);
  }

  /** Notes what shims tell of processes that were killed for memory, until `signal` is aborted. */
  async followEvents(events: AsyncIterable<ShimEvent>): Promise<void> {
    const { rows } = this.#options;
    for await (const { body } of events) {
      if (body.kind !== "oom") continue;
      const record = rows.store.find(body.message.containerId);
      if (!record) continue;
      try {
        rows.change(record.id, { facts: withOomKill(record.facts) });
      } catch (reason) {
        const fields = { containerId: record.id, error: StatusError.from(reason).message };
        this.#options.log.warn(fields, "a process killed for memory cannot be recorded");
      }
    }
  }

  /** Re-attaches to every container that ran, each pod within 5 s; call it after the pods'. See `Reattachment`. */
  reattach(): Promise<void> {
    return this.#reattachment.run();
  }

  /** Asks nothing about the containers of a pod any more, whose controller goes; they stay as they are. */
  leave(sandboxId: string): void {
    this.#reattachment.leave(sandboxId);
  }

  /** Re-attaches to the containers of such a pod, whose controller is back. */
  takeUp(sandboxId: string): Promise<void> {
    return this.#reattachment.takeUp(sandboxId);
  }

  /** Undoes or finishes, in the background, every row that was left half-way, and tells plugins what they are owed. */
  finishLeftovers(): void {
    const { rows } = this.#options;
    for (const record of rows.store.list()) {
      const { id, state, plan } = record;
      void this.#checkpoints.takeBackLater(record);
      // Its pod is gone: only a record that came back from its copy can be left of it.
      if (state !== "creating" && !rows.deps.findSandbox(plan.sandboxId)) {
        this.remove(id, new AbortController().signal).catch(() => {}); // kept with the row, and retried
      } else if (state === "exited") void this.#notices.tellStopped(id);
      else void this.#life.heal(id);
    }
  }

  /** Begins nothing new, and waits for flows that run, at most `timeoutMs`; what still runs then is left to the next start. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.#ends.close();
    this.#reattachment.close();
    this.#options.rows.deps.exits.close();
    await this.#life.close(timeoutMs);
  }

  /**
   * Starts a container once its task is there; when that cannot be made, it has failed to start. The caller's cancellation ends
   * neither.
   */
  async #startAfter({ done, abort }: Owner, id: string): Promise<void> {
    try {
      await done;
    } catch (reason) {
      // It shall not run any more.
      abort.signal.throwIfAborted();
      const isFree = this.#options.rows.store.find(id)?.state === "created" && !this.#life.owners.find(id);
      if (isFree) return await this.#life.failStart(id, StatusError.from(reason));
    }
    await this.start(id, new AbortController().signal);
  }

  #checkpoint(id: string, request: CheckpointRequest): Promise<void> {
    return this.#life.owners.own(id, checkpointContainer, async ({ abort }) => {
      await this.#checkpoints.make(this.get(id), request, abort.signal);
      this.#options.log.info({ containerId: id, location: request.location }, "checkpoint is written");
    });
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StatusError(Code.Unavailable, "crib is shutting down");
  }
}

/** A row that is still being made is nobody's business but its caller's, unless it cannot be unmade. */
function isVisible(record: ContainerRecord): boolean {
  return record.state !== "creating" || record.problem !== undefined;
}
