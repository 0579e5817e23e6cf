import { StatusError } from "@crib/errdefs";

import { Budget } from "../flow/budget.ts";
import { flowProblem } from "../flow/flow-problem.ts";
import type { Retries } from "../flow/retries.ts";
import { type Owner, RowOwners } from "../flow/row-owners.ts";
import { FlowFailure } from "../flow/run-flow.ts";
import { undoFailed } from "../flow/undo-failed.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import { removePodSandbox, runPodSandbox, type SandboxFlow, stopPodSandbox } from "./flows.ts";
import type { SandboxRows } from "./sandbox-rows.ts";
import type { StepLog } from "./steps/types.ts";
import type { SandboxEvent, SandboxRecord } from "./types.ts";

/** What the life of sandboxes is made of. */
export interface SandboxLifeOptions {
  readonly store: SandboxStore;
  readonly rows: SandboxRows;
  readonly retries: Retries;
  /** What lets plugins that wait be synchronized, of the pods that are being run. */
  readonly pluginGates: Map<string, () => void>;
  /** Settles when nothing runs any more that an earlier daemon started for rows that are half-way. */
  readonly straysEnded: Promise<void>;
  /** Milliseconds for a whole RunPodSandbox; the kubelet waits four minutes. */
  readonly runBudgetMs: number;
  readonly publish: (kind: SandboxEvent["kind"], record: SandboxRecord) => void;
  readonly log: StepLog & { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Takes rows from state to state by their flows. Each call owns its row until it settles; one that another flow has
 * fails with Aborted. A row that cannot be cleaned up keeps the reason and is tried again by itself.
 */
export class SandboxLife {
  readonly owners: RowOwners = new RowOwners("sandbox");
  readonly #options: SandboxLifeOptions;
  #closed = false;

  constructor(options: SandboxLifeOptions) {
    this.#options = options;
  }

  /** From `creating` to `ready`; on failure everything is taken back and the row is gone, or keeps what stands in the way. */
  create(id: string): Promise<void> {
    return this.owners.own(id, runPodSandbox.name, (owner) => this.#create(id, owner));
  }

  /** Takes back a half-made sandbox, all steps of it. */
  undo(id: string): Promise<void> {
    return this.owners.own(id, runPodSandbox.name, async (owner) => {
      owner.undoing = true;
      await this.#undoSteps(id);
    });
  }

  /** To `notready`. `exit` says how it ended when nobody asked it to. */
  stop(id: string, exit?: SandboxRecord["facts"]["exit"]): Promise<void> {
    return this.owners.own(id, stopPodSandbox.name, async () => {
      const { rows, store, log, publish } = this.#options;
      const { facts } = store.get(id);
      const stopping = rows.change(id, { state: "stopping", facts: exit ? { ...facts, exit } : facts });
      if (exit) publish("stopped", stopping);
      await store.copy(id);
      await this.#finish(stopPodSandbox, id);
      const ended = store.get(id).facts.exit ?? { exitCode: 0, exitedAt: new Date().toISOString(), reason: "Stopped" };
      const record = rows.change(id, { state: "notready", facts: { ...store.get(id).facts, exit: ended } }, "problem");
      await store.copy(id);
      log.info({ sandboxId: id, pod: record.name }, "pod sandbox is stopped");
      if (!exit) publish("stopped", record);
    });
  }

  /** A stopped sandbox to nothing. */
  remove(id: string): Promise<void> {
    return this.owners.own(id, removePodSandbox.name, async () => {
      const { rows, store, log, publish } = this.#options;
      const record = rows.change(id, { state: "removing" });
      await store.copy(id);
      await this.#finish(removePodSandbox, id);
      publish("deleted", record);
      await this.#forget(id);
      log.info({ sandboxId: id, pod: record.name }, "pod sandbox is removed");
    });
  }

  /** Takes a row that was left half-way to where it was going. Never rejects: a failure is kept with the row and retried. */
  async heal(id: string): Promise<void> {
    const record = this.#options.store.find(id);
    if (!record || this.owners.find(id) || this.#closed) return;
    try {
      if (record.state === "creating") await this.undo(id);
      else if (record.state === "stopping") await this.stop(id);
      else if (record.state === "removing") await this.remove(id);
    } catch (reason) {
      // What a flow failed for is recorded and scheduled; anything else has to be seen and retried as well.
      if (this.#options.store.find(id)?.problem) return;
      this.#options.log.warn(
        { sandboxId: id, error: StatusError.from(reason).message },
        "pod sandbox cannot be recovered yet",
      );
      this.#options.retries.schedule(id, 1, () => this.heal(id));
    }
  }

  /** Starts no more retries, and waits at most `timeoutMs` for flows that run. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.#options.retries.stop();
    const running = Promise.allSettled(this.owners.all().map((owner) => owner.done));
    await Promise.race([running, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
  }

  async #create(id: string, owner: Owner): Promise<void> {
    const { rows, store, runBudgetMs, log, publish } = this.#options;
    using budget = new Budget("RunPodSandbox", runBudgetMs, owner.abort.signal);
    try {
      await store.copy(id);
      await rows.forward(runPodSandbox, id, budget.signal);
    } catch (reason) {
      owner.undoing = true;
      const failure =
        reason instanceof FlowFailure ? reason : new FlowFailure("row.copy", StatusError.from(reason), new Set());
      log.warn({ sandboxId: id, step: failure.step, error: failure.error.message }, "pod sandbox failed to start");
      await undoFailed(failure, (begun) => this.#undoSteps(id, begun));
      throw failure.error;
    }
    const record = rows.change(id, { state: "ready" });
    this.#openGate(id);
    await store.copy(id);
    log.info({ sandboxId: id, pod: record.name }, "pod sandbox is ready");
    publish("created", record);
    publish("started", record);
  }

  /** Undoes steps of RunPodSandbox and drops the row; when that fails, the row says why and is tried again later. */
  async #undoSteps(id: string, begun?: ReadonlySet<string>): Promise<void> {
    await this.#options.straysEnded;
    this.#openGate(id);
    const [first] = await this.#options.rows.backward(runPodSandbox, id, begun);
    if (first) throw this.#keepProblem(id, `undo ${runPodSandbox.name}`, first.step, first.error);
    await this.#forget(id);
  }

  /** Plugins that came while the pod was being made see it from here on, or not at all. */
  #openGate(id: string): void {
    const { pluginGates } = this.#options;
    pluginGates.get(id)?.();
    pluginGates.delete(id);
  }

  /** Runs a flow that is only ever finished, never undone. */
  async #finish(flow: SandboxFlow, id: string): Promise<void> {
    await this.#options.straysEnded;
    try {
      await this.#options.rows.forward(flow, id, new AbortController().signal);
    } catch (reason) {
      const { step, error } = reason as FlowFailure;
      throw this.#keepProblem(id, flow.name, step, error);
    }
  }

  /** The row first: a copy without a row is cleaned up once more at the next start, a row without its copy is as good as whole. */
  async #forget(id: string): Promise<void> {
    this.#options.retries.cancel(id);
    this.#options.store.delete(id);
    await this.#options.store.dropCopy(id);
  }

  #keepProblem(id: string, flow: string, step: string, error: StatusError): StatusError {
    const { rows, store, retries, log } = this.#options;
    const problem = flowProblem({ flow, step, error }, store.get(id).problem);
    rows.change(id, { problem });
    log.warn(
      { sandboxId: id, flow, step, attempts: problem.attempts, error: error.message },
      "pod sandbox cannot be cleaned up yet",
    );
    retries.schedule(id, problem.attempts, () => this.heal(id));
    return new StatusError(error.code, `sandbox "${id}": ${flow}: ${step}: ${error.message}`, { cause: error });
  }
}
