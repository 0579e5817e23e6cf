import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { createEventHub } from "../events/event-hub.ts";
import { waitFor } from "../flow/budget.ts";
import { type Owner, waitUntilFree } from "../flow/row-owners.ts";
import type { PluginUpdate } from "../nri/types.ts";
import { newSandboxId } from "../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import type { ShimEvent } from "../tasks/shim-events.ts";
import { type CheckpointRequest, ContainerCheckpoints } from "./checkpoint/container-checkpoints.ts";
import { ContainerLife, type ContainerLifeOptions } from "./container-life.ts";
import { containerStateOf } from "./container-state.ts";
import { ContainerUpdates } from "./container-updates.ts";
import type { TaskEnd } from "./exits/task-end.ts";
import { withOomKill } from "./exits/with-oom-kill.ts";
import { createContainer, startContainer, stopContainer } from "./flows.ts";
import { type ContainerPlanning, containerChecksum, containerName, planContainer } from "./plan-container.ts";
import { PluginNotices } from "./plugin-notices.ts";
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

const checkpointContainer = "CheckpointContainer";
/** What is given up when the container shall end. */
const abortable: ReadonlySet<string> = new Set([createContainer.name, startContainer.name, checkpointContainer]);

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
    this.#checkpoints = new ContainerCheckpoints(options.rows.deps);
    this.#reattachment = new Reattachment({ ...options, life: this.#life });
  }

  async create(request: ContainerRequest, signal: AbortSignal): Promise<string> {
    const { rows } = this.#options;
    const checksum = containerChecksum(request);
    for (;;) {
      const sandbox = this.#readySandbox(request.sandboxId);
      const holder = rows.store.findByName(containerName(request, sandbox));
      if (!holder) return await waitFor(this.#begin(request, sandbox), signal);
      const id = await this.#meet(holder, checksum, signal);
      if (id !== undefined) return id;
    }
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.get(id);
      const owner = this.#life.owners.find(record.id);
      if (owner?.flow === startContainer.name) return await waitFor(owner.done, signal);
      if (owner) {
        await waitUntilFree(owner, signal);
        continue;
      }
      if (record.state !== "created") {
        const state = containerStateOf(record);
        throw new StatusError(Code.FailedPrecondition, `starting container "${record.id}": it is ${state}`);
      }
      this.#readySandbox(record.plan.sandboxId);
      this.#refuseClosed();
      return await waitFor(this.#life.start(record.id), signal);
    }
  }

  async stop(id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#find(id);
      if (!record || !mayRun(record)) return;
      const owner = this.#life.owners.find(record.id);
      if (owner?.flow === stopContainer.name) this.#options.rows.deps.clocks.set(record.id, timeoutMs);
      if (owner) await this.#yieldTo(owner, "stopped", signal);
      else return await waitFor(this.#stopFree(record, timeoutMs), signal);
    }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#find(id);
      if (!record) return;
      const owner = this.#life.owners.find(record.id);
      if (owner?.flow === stopContainer.name) this.#options.rows.deps.clocks.set(record.id, 0);
      if (owner) await this.#yieldTo(owner, "removed", signal);
      else if (record.state === "creating") return await waitFor(this.#life.undo(record.id), signal);
      else if (mayRun(record)) await waitFor(this.#stopFree(record, 0), signal);
      else return await waitFor(this.#life.remove(record.id), signal);
    }
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
    try {
      return await readFile(join(this.get(id).plan.bundleDir, "config.json"), "utf8");
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw StatusError.from(reason, `reading the specification of container "${id}"`);
    }
  }

  watch(signal: AbortSignal): AsyncIterable<ContainerEvent> {
    return this.#events.watch(signal);
  }

  async stopAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const busy = this.#of(sandboxId).filter((record) => record.state === "creating" || mayRun(record));
      if (busy.length === 0) break;
      await Promise.all(busy.map((record) => this.#endNow(record, signal)));
    }
    const exited = this.#of(sandboxId).filter(({ state }) => state === "exited");
    await waitFor(Promise.all(exited.map(({ id }) => this.#notices.tellStopped(id))), signal);
  }

  async removeAll(sandboxId: string, signal: AbortSignal): Promise<void> {
    await this.stopAll(sandboxId, signal);
    await Promise.all(this.#of(sandboxId).map(({ id }) => this.remove(id, signal)));
    this.#options.rows.deps.services.forget(sandboxId);
  }

  /** Told by the watch over tasks. The flow that has the row just now may be the one that takes care of it. */
  taskEnded(id: string, end: TaskEnd): void {
    void this.#taskEnded(id, end);
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
    this.#reattachment.close();
    this.#options.rows.deps.exits.close();
    await this.#life.close(timeoutMs);
  }

  /** Everything up to the row's insertion is synchronous, so that two requests cannot both find the name free. */
  async #begin(request: ContainerRequest, sandbox: SandboxRecord): Promise<string> {
    const { instance, bootId, planning, rows } = this.#options;
    this.#refuseClosed();
    const id = newSandboxId(instance);
    const name = containerName(request, sandbox);
    const plan = planContainer(planning, request, sandbox, id);
    const createdAt = new Date().toISOString();
    rows.store.insert({ version: 1, id, name, state: "creating", createdAt, bootId, plan, facts: {}, runs: [] });
    const updates = await this.#created(id);
    if (updates.length > 0) await this.#updates.makeAll(updates.filter(({ containerId }) => containerId !== id));
    const record = rows.store.find(id);
    if (record) void rows.deps.hooks.postCreateContainer(sandbox, record, new AbortController().signal);
    return id;
  }

  /** Creates it; gives what plugins want changed of others. */
  async #created(id: string): Promise<readonly PluginUpdate[]> {
    const creating = this.#life.create(id);
    const session = this.#options.rows.deps.sessions.get(id);
    await creating;
    return session?.updates ?? [];
  }

  /** What a request meets that finds its name held: the holder's id when it is the same request, undefined when the name may be free now. */
  async #meet(holder: ContainerRecord, checksum: string, signal: AbortSignal): Promise<string | undefined> {
    const { id, state, plan } = holder;
    const owner = this.#life.owners.find(id);
    const isSame = plan.checksum === checksum;
    if (state === "created" || (state === "creating" && owner && !owner.undoing)) {
      if (!isSame) throw heldByOther(holder, "with another configuration");
      if (owner?.flow === createContainer.name) await waitFor(owner.done, signal);
      return id;
    }
    if (state === "creating" || state === "removing") {
      // The end of the clean-up that runs, or one more try of it; then the name is free.
      if (owner) await waitUntilFree(owner, signal);
      else await waitFor(state === "creating" ? this.#life.undo(id) : this.#life.remove(id), signal);
      return undefined;
    }
    throw heldByOther(holder, `and is ${containerStateOf(holder)}; raise the attempt or remove "${id}"`);
  }

  async #taskEnded(id: string, end: TaskEnd): Promise<void> {
    for (;;) {
      const record = this.#options.rows.store.find(id);
      if (!record || this.#closed || (record.state !== "running" && record.state !== "starting")) return;
      const owner = this.#life.owners.find(id);
      if (!owner) {
        await this.#life.end(id, end).catch(() => {}); // kept with the row, and retried
        return;
      }
      await owner.done.catch(() => {}); // whoever asked for that flow sees its failure
    }
  }

  #checkpoint(id: string, request: CheckpointRequest): Promise<void> {
    return this.#life.owners.own(id, checkpointContainer, async ({ abort }) => {
      await this.#checkpoints.make(this.get(id), request, abort.signal);
      this.#options.log.info({ containerId: id, location: request.location }, "checkpoint is written");
    });
  }

  /** Ends one that no flow has. */
  #stopFree({ id, state, facts }: ContainerRecord, timeoutMs: number): Promise<void> {
    if (state === "ending") return this.#life.endWith(id);
    const known = this.#options.rows.deps.exits.end(id);
    if (known && facts.exit === undefined) return this.#life.end(id, known);
    return this.#life.stop(id, timeoutMs);
  }

  async #endNow({ id, state }: ContainerRecord, signal: AbortSignal): Promise<void> {
    if (state !== "creating") return await this.stop(id, 0, signal);
    const owner = this.#life.owners.find(id);
    if (owner) await this.#yieldTo(owner, "stopped", signal);
    else await waitFor(this.#life.undo(id), signal);
  }

  /** Waits for the flow that has the row; one that creates, starts or makes a checkpoint is aborted first. */
  async #yieldTo(owner: Owner, what: string, signal: AbortSignal): Promise<void> {
    if (abortable.has(owner.flow)) {
      owner.abort.abort(new StatusError(Code.Canceled, `the container is being ${what}`));
    }
    await waitUntilFree(owner, signal);
  }

  #of(sandboxId: string): readonly ContainerRecord[] {
    return this.#options.rows.store.list().filter(({ plan }) => plan.sandboxId === sandboxId);
  }

  #readySandbox(id: string): SandboxRecord {
    const sandbox = this.#options.rows.deps.findSandbox(id);
    if (!sandbox || sandbox.state === "creating") throw new StatusError(Code.NotFound, `sandbox "${id}": not found`);
    if (sandbox.state === "ready") return sandbox;
    throw new StatusError(Code.FailedPrecondition, `sandbox "${id}": it is not ready`);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StatusError(Code.Unavailable, "crib is shutting down");
  }

  #find(id: string): ContainerRecord | undefined {
    try {
      return this.#options.rows.store.get(id);
    } catch (reason) {
      if (hasCode(reason, Code.NotFound)) return undefined;
      throw reason;
    }
  }
}

/** Whether there may be a process, or what one leaves. */
function mayRun({ state }: ContainerRecord): boolean {
  return state === "starting" || state === "running" || state === "ending";
}

/** A row that is still being made is nobody's business but its caller's, unless it cannot be unmade. */
function isVisible(record: ContainerRecord): boolean {
  return record.state !== "creating" || record.problem !== undefined;
}

function heldByOther({ id, name }: ContainerRecord, how: string): StatusError {
  return new StatusError(Code.AlreadyExists, `container "${name}": container "${id}" has this name ${how}`);
}
