import { Code, hasCode, StatusError } from "@crib/errdefs";

import { createEventHub } from "../events/event-hub.ts";
import { Budget, waitFor } from "../flow/budget.ts";
import { FlowFailure } from "../flow/run-flow.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import { removePodSandbox, runPodSandbox, type SandboxFlow, stopPodSandbox } from "./flows.ts";
import { planPodSandbox, type Planning, requestChecksum, resolveHandler } from "./plan-pod-sandbox.ts";
import { sandboxName } from "./pod-names.ts";
import type { Retries } from "./retries.ts";
import { newSandboxId } from "./sandbox-id.ts";
import type { SandboxRows } from "./sandbox-rows.ts";
import { describeSandbox, restoreInstance } from "./steps/boundary.ts";
import type { StepLog } from "./steps/types.ts";
import type {
  PodSandboxes,
  PodSandboxRequest,
  RuntimeHandler,
  SandboxEvent,
  SandboxFilter,
  SandboxRecord,
} from "./types.ts";

/** What the pod sandboxes of a daemon are made of. */
export interface PodSandboxesOptions {
  readonly instance: string;
  readonly bootId: string;
  readonly store: SandboxStore;
  readonly rows: SandboxRows;
  readonly planning: Planning;
  readonly retries: Retries;
  /** Milliseconds for a whole RunPodSandbox; the kubelet waits four minutes. */
  readonly runBudgetMs: number;
  readonly log: StepLog & { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/** The flow that has a row just now; there is at most one for each row. */
interface Active {
  readonly flow: string;
  undoing: boolean;
  readonly abort: AbortController;
  /** Settles when the row is free again. */
  readonly done: Promise<void>;
}

/** Milliseconds that re-attaching to one pod may take; one that hangs must not hold up the others. */
const adoptMs = 5_000;

/** The pod sandboxes of a daemon, and how they come back when it starts. */
export class PodSandboxService implements PodSandboxes {
  readonly #options: PodSandboxesOptions;
  readonly #active = new Map<string, Active>();
  readonly #events = createEventHub<SandboxEvent>();
  readonly #closing = new AbortController();

  constructor(options: PodSandboxesOptions) {
    this.#options = options;
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
      const active = this.#active.get(record.id);
      if (active) await this.#yieldTo(active, stopPodSandbox, signal);
      else if (record.state === "creating") return await waitFor(this.#undo(record.id), signal);
      else return await waitFor(this.#stop(record.id), signal);
    }
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      const record = this.#find(id);
      if (!record) return;
      const active = this.#active.get(record.id);
      if (active) await this.#yieldTo(active, removePodSandbox, signal);
      else if (record.state === "creating") return await waitFor(this.#undo(record.id), signal);
      else if (record.state === "ready" || record.state === "stopping") await waitFor(this.#stop(record.id), signal);
      else return await waitFor(this.#remove(record.id), signal);
    }
  }

  get(idOrPrefix: string): SandboxRecord {
    const record = this.#options.store.get(idOrPrefix);
    if (isVisible(record)) return record;
    throw new StatusError(Code.NotFound, `sandbox "${idOrPrefix}": not found`);
  }

  list(filter: SandboxFilter = {}): readonly SandboxRecord[] {
    const labels = Object.entries(filter.labels ?? {});
    return this.#options.store
      .list()
      .filter(
        (record) =>
          isVisible(record) &&
          (filter.id === undefined || record.id.startsWith(filter.id)) &&
          (filter.ready === undefined || filter.ready === (record.state === "ready")) &&
          labels.every(([key, value]) => Object.hasOwn(record.plan.labels, key) && record.plan.labels[key] === value),
      );
  }

  async update(id: string, change: Parameters<PodSandboxes["update"]>[1], signal: AbortSignal): Promise<void> {
    const record = this.get(id);
    const { rows, store } = this.#options;
    rows.change(record.id, { facts: { ...record.facts, updated: { ...record.facts.updated, ...change } } });
    await store.copy(record.id);
    if (record.state === "ready") await this.#controllerOf(record).update(record.id, change, signal);
  }

  watch(signal: AbortSignal): AsyncIterable<SandboxEvent> {
    return this.#events.watch(signal);
  }

  /**
   * Re-attaches to every pod that was ready, in parallel, each within 5 s; one that has ended or does not answer is no
   * longer ready afterwards. After another boot nothing is attached to.
   */
  async reattach(): Promise<void> {
    const ready = this.#options.store.list().filter((record) => record.state === "ready");
    await Promise.all(ready.map((record) => this.#reattachOne(record)));
  }

  /** Undoes or finishes, in the background, every row that was left half-way. */
  finishLeftovers(): void {
    for (const { id, state } of this.#options.store.list()) {
      if (state !== "ready" && state !== "notready") void this.#heal(id);
    }
  }

  /** Starts nothing new, and waits for flows that run, at most `timeoutMs`; what is still running then is left to the next start. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing.abort(new StatusError(Code.Unavailable, "crib is shutting down"));
    this.#options.retries.stop();
    const running = Promise.allSettled([...this.#active.values()].map((active) => active.done));
    await Promise.race([running, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
  }

  /** Makes the row and runs the flow. Everything up to the row's insertion is synchronous, so that two requests cannot both find the name free. */
  #begin(name: string, request: PodSandboxRequest, handler: RuntimeHandler): Promise<string> {
    const { instance, bootId, planning, store } = this.#options;
    if (this.#closing.signal.aborted) throw StatusError.from(this.#closing.signal.reason);
    const id = newSandboxId(instance);
    const plan = planPodSandbox(planning, request, handler, id);
    store.insert({
      version: 1,
      id,
      name,
      state: "creating",
      createdAt: new Date().toISOString(),
      bootId,
      plan,
      facts: {},
      runs: [],
    });
    return this.#own(id, runPodSandbox, (active) => this.#create(id, active)).then(() => id);
  }

  async #create(id: string, active: Active): Promise<void> {
    const { rows, store, runBudgetMs, log } = this.#options;
    using budget = new Budget("RunPodSandbox", runBudgetMs, active.abort.signal);
    try {
      await store.copy(id);
      await rows.forward(runPodSandbox, id, budget.signal);
    } catch (reason) {
      active.undoing = true;
      const failure =
        reason instanceof FlowFailure ? reason : new FlowFailure("row.copy", StatusError.from(reason), new Set());
      log.warn({ sandboxId: id, step: failure.step, error: failure.error.message }, "pod sandbox failed to start");
      await this.#undoSteps(id, failure.begun);
      throw failure.error;
    }
    const record = rows.change(id, { state: "ready" });
    await store.copy(id);
    log.info({ sandboxId: id, pod: record.name }, "pod sandbox is ready");
    this.#publish("created", record);
    this.#publish("started", record);
    this.#watchExit(id);
  }

  /** Undoes steps of RunPodSandbox and drops the row; when that fails, the row says why and is tried again later. */
  async #undoSteps(id: string, begun?: ReadonlySet<string>): Promise<void> {
    const [first] = await this.#options.rows.backward(runPodSandbox, id, begun);
    if (first) throw this.#keepProblem(id, `undo ${runPodSandbox.name}`, first.step, first.error);
    await this.#forget(id);
  }

  #undo(id: string): Promise<void> {
    return this.#own(id, runPodSandbox, async (active) => {
      active.undoing = true;
      await this.#undoSteps(id);
    });
  }

  #stop(id: string, exit?: SandboxRecord["facts"]["exit"]): Promise<void> {
    return this.#own(id, stopPodSandbox, async () => {
      const { rows, store, log } = this.#options;
      const { facts } = store.get(id);
      const stopping = rows.change(id, { state: "stopping", facts: exit ? { ...facts, exit } : facts });
      if (exit) this.#publish("stopped", stopping);
      await store.copy(id);
      await this.#finish(stopPodSandbox, id);
      const ended = store.get(id).facts.exit ?? { exitCode: 0, exitedAt: new Date().toISOString(), reason: "Stopped" };
      const record = rows.change(id, { state: "notready", facts: { ...store.get(id).facts, exit: ended } }, "problem");
      await store.copy(id);
      log.info({ sandboxId: id, pod: record.name }, "pod sandbox is stopped");
      if (!exit) this.#publish("stopped", record);
    });
  }

  #remove(id: string): Promise<void> {
    return this.#own(id, removePodSandbox, async () => {
      const { rows, store, log } = this.#options;
      const record = rows.change(id, { state: "removing" });
      await store.copy(id);
      await this.#finish(removePodSandbox, id);
      this.#publish("deleted", record);
      await this.#forget(id);
      log.info({ sandboxId: id, pod: record.name }, "pod sandbox is removed");
    });
  }

  /** Runs a flow that is only ever finished, never undone. */
  async #finish(flow: SandboxFlow, id: string): Promise<void> {
    try {
      await this.#options.rows.forward(flow, id, new AbortController().signal);
    } catch (reason) {
      const { step, error } = reason as FlowFailure;
      throw this.#keepProblem(id, flow.name, step, error);
    }
  }

  /** The row first: a directory without row is swept at the next start, a row without directory would come back. */
  async #forget(id: string): Promise<void> {
    this.#options.retries.cancel(id);
    this.#options.store.delete(id);
    await this.#options.store.dropCopy(id);
  }

  #keepProblem(id: string, flow: string, step: string, error: StatusError): StatusError {
    const { rows, store, retries, log } = this.#options;
    const before = store.get(id).problem;
    const problem = {
      flow,
      step,
      message: error.message,
      since: before?.since ?? new Date().toISOString(),
      attempts: (before?.attempts ?? 0) + 1,
    };
    rows.change(id, { problem });
    log.warn(
      { sandboxId: id, flow, step, attempts: problem.attempts, error: error.message },
      "pod sandbox cannot be cleaned up yet",
    );
    retries.schedule(id, problem.attempts, () => this.#heal(id));
    return new StatusError(error.code, `sandbox "${id}": ${flow}: ${step}: ${error.message}`, { cause: error });
  }

  /** Takes a row that was left half-way to where it was going. Its own failure is kept with the row and retried. */
  async #heal(id: string): Promise<void> {
    const record = this.#options.store.find(id);
    if (!record || this.#active.has(id) || this.#closing.signal.aborted) return;
    try {
      if (record.state === "creating") await this.#undo(id);
      else if (record.state === "stopping") await this.#stop(id);
      else if (record.state === "removing") await this.#remove(id);
    } catch (reason) {
      // #keepProblem has recorded what a flow failed for; anything else has to be seen as well.
      if (!this.#options.store.find(id)?.problem) {
        this.#options.log.warn(
          { sandboxId: id, error: StatusError.from(reason).message },
          "pod sandbox cannot be recovered yet",
        );
        this.#options.retries.schedule(id, 1, () => this.#heal(id));
      }
    }
  }

  /** What a request meets that finds its name held: the holder's id when it is the same request, undefined when the name may be free now. */
  async #meet(holder: SandboxRecord, checksum: string, signal: AbortSignal): Promise<string | undefined> {
    const { id, state } = holder;
    const active = this.#active.get(id);
    const same = holder.plan.checksum === checksum;
    if (state === "creating" && active && !active.undoing) {
      if (!same) throw heldByOther(holder);
      await waitFor(active.done, signal);
      return id;
    }
    if (state === "creating" || state === "removing") {
      // One more try of the clean-up, or the end of the one that runs; then the name is free.
      await waitFor(active?.done.catch(() => {}) ?? (state === "creating" ? this.#undo(id) : this.#remove(id)), signal);
      return undefined;
    }
    if (state === "ready" && same) return id;
    if (state === "ready") throw heldByOther(holder);
    throw new StatusError(
      Code.AlreadyExists,
      `pod sandbox "${holder.name}": sandbox "${id}" of this attempt is no longer ready; raise the attempt or remove "${id}"`,
    );
  }

  /** Waits for the flow that has the row; one that creates is aborted first, one of the same kind is joined. */
  async #yieldTo(active: Active, wanted: SandboxFlow, signal: AbortSignal): Promise<void> {
    if (active.flow === runPodSandbox.name)
      active.abort.abort(new StatusError(Code.Canceled, "the pod sandbox is being stopped"));
    const joined = active.flow === wanted.name;
    await waitFor(joined ? active.done : active.done.catch(() => {}), signal);
  }

  /** Gives the row to one flow until that has settled. */
  #own(id: string, flow: SandboxFlow, work: (active: Active) => Promise<void>): Promise<void> {
    const running = this.#active.get(id);
    if (running) throw new StatusError(Code.Aborted, `sandbox "${id}": ${running.flow} is under way`);
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const active: Active = { flow: flow.name, undoing: false, abort: new AbortController(), done };
    this.#active.set(id, active);
    done.catch(() => {}); // whoever waits for it sees the failure
    const free = (): unknown => this.#active.delete(id);
    work(active).then(
      () => {
        free();
        resolve();
      },
      (reason: unknown) => {
        free();
        reject(StatusError.from(reason));
      },
    );
    return done;
  }

  async #reattachOne(record: SandboxRecord): Promise<void> {
    const { bootId, log } = this.#options;
    const { id } = record;
    const ended = (reason: string): void => {
      void this.#stop(id, { exitCode: 255, exitedAt: new Date().toISOString(), reason }).catch(() => {}); // kept with the row
    };
    if (record.bootId !== bootId) return ended("Reboot");
    try {
      using budget = new Budget("re-attaching", adoptMs);
      const { instance } = record.facts;
      if (!instance) throw new StatusError(Code.DataLoss, "its record has no instance");
      const adopted = this.#controllerOf(record).adopt(
        describeSandbox(id, record.plan),
        restoreInstance(instance),
        budget.signal,
      );
      const status = await waitFor(adopted, budget.signal);
      if (status.state !== "ready") return ended("Exited");
      this.#watchExit(id);
    } catch (reason) {
      log.warn({ sandboxId: id, error: StatusError.from(reason).message }, "pod sandbox cannot be re-attached to");
      ended("Lost");
    }
  }

  /** Notices the end of a ready sandbox that nobody stopped, and gives back all that it held. */
  #watchExit(id: string): void {
    const record = this.#options.store.get(id);
    const settle = (exitCode: number, exitedAt: Date, reason: string): void => {
      if (this.#closing.signal.aborted || this.#active.has(id) || this.#options.store.find(id)?.state !== "ready")
        return;
      this.#options.log.warn({ sandboxId: id, exitCode, reason }, "pod sandbox has ended by itself");
      void this.#stop(id, { exitCode, exitedAt: exitedAt.toISOString(), reason }).catch(() => {}); // kept with the row
    };
    this.#controllerOf(record)
      .wait(id, this.#closing.signal)
      .then(
        ({ exitCode, exitedAt }) => settle(exitCode, exitedAt, exitCode === 0 ? "Completed" : "Error"),
        (reason: unknown) => {
          if (!hasCode(reason, Code.NotFound)) settle(255, new Date(), StatusError.from(reason).message);
        },
      );
  }

  #controllerOf(record: SandboxRecord): NonNullable<ReturnType<Planning["controllers"]["get"]>> {
    const controller = this.#options.planning.controllers.get(record.plan.handler.controller);
    if (controller) return controller;
    throw new StatusError(
      Code.FailedPrecondition,
      `sandbox "${record.id}": no controller named "${record.plan.handler.controller}"`,
    );
  }

  #find(id: string): SandboxRecord | undefined {
    try {
      return this.#options.store.get(id);
    } catch (reason) {
      if (hasCode(reason, Code.NotFound)) return undefined;
      throw reason;
    }
  }

  #publish(kind: SandboxEvent["kind"], record: SandboxRecord): void {
    this.#events.publish({ kind, record, at: new Date() });
  }
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
