import { Budget } from "../../flow/budget.ts";
import type { Owner, RowOwners } from "../../flow/row-owners.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import { createTask } from "../flows.ts";
import { asFailure, type ContainerRuns, type ContainerRunsOptions } from "../life/container-runs.ts";
import type { ContainerRecord } from "../types.ts";

/** Milliseconds that a task waits for its start: who creates a container to start it does so at once. */
const usualHoldMs = 30_000;

/** Tasks that wait, or are being made, at a time: each holds some megabytes of the runtime. */
const mostAhead = 16;

/** What tasks that are made ahead need. */
export interface AheadTasksOptions extends Pick<ContainerRunsOptions, "rows"> {
  readonly runs: ContainerRuns;
  readonly owners: RowOwners;
  /** Milliseconds for the making of one. */
  readonly runBudgetMs: number;
  /** Milliseconds that one waits for its start. Default 30,000. */
  readonly holdMs?: number;
  readonly log: { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Makes the tasks of containers that are created ahead of their start. It is for the time only: without it, or when it fails,
 * StartContainer makes the task.
 */
export class AheadTasks {
  readonly #options: AheadTasksOptions;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #closed = false;

  constructor(options: AheadTasksOptions) {
    this.#options = options;
  }

  /** What a container that is about to be created in this pod knows of it: the mark, where its task is to be made ahead. */
  mark(sandbox: SandboxRecord): Pick<ContainerRecord["facts"], "ahead"> {
    if (!this.#hasRoom(sandbox)) return {};
    const { services } = this.#options.rows.deps;
    // The connection to the pod's shim shall be there by then. Failure is told to whoever needs it.
    services.of(sandbox.id, new AbortController().signal).catch(() => {});
    return { ahead: true };
  }

  /** Begins to make the task of a container, where that is wanted; it is taken back when it is not started within a while. */
  begin(id: string): void {
    if (this.#closed || !this.#isWanted(id)) return;
    this.make(id).then(
      () => this.#takeBackLater(id),
      () => {}, // told to StartContainer when it waits; else that tries it again
    );
  }

  /** Makes it. On failure it is taken back. */
  make(id: string): Promise<void> {
    return this.#options.owners.own(id, createTask.name, (owner) => this.#make(id, owner));
  }

  /** The container is then as if its task had never been made. */
  takeBack(id: string): Promise<void> {
    return this.#options.owners.own(id, `undo ${createTask.name}`, async (owner) => {
      owner.undoing = true;
      await this.undo(id);
    });
  }

  /** The same, for a flow that has the row. */
  async undo(id: string, begun?: ReadonlySet<string>): Promise<void> {
    const { rows, runs } = this.#options;
    await runs.undo(createTask, id, begun);
    rows.change(id, { facts: withoutAhead(rows.store.get(id).facts) }, "problem");
  }

  /** Whether it is no good any more and has to be taken back: an earlier daemon made it, or taking it back has failed. */
  isStale(record: ContainerRecord): boolean {
    return isAhead(record) && (record.problem !== undefined || !this.#options.rows.deps.waiting.has(record.id));
  }

  /** Leaves those that wait to the next daemon. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  async #make(id: string, owner: Owner): Promise<void> {
    const { rows, runBudgetMs, log } = this.#options;
    if (!isAhead(rows.store.get(id))) rows.become(id, "created", { ahead: true });
    try {
      using budget = new Budget(createTask.name, runBudgetMs, owner.abort.signal);
      await rows.forward(createTask, id, budget.signal);
      budget.signal.throwIfAborted();
    } catch (reason) {
      owner.undoing = true;
      const { step, error, begun } = asFailure(reason, "row.commit", createTask);
      log.info({ containerId: id, step, error: error.message }, "task was not made ahead of its start");
      await this.undo(id, begun);
      throw error;
    }
  }

  #isWanted(id: string): boolean {
    const { store, deps } = this.#options.rows;
    const record = store.find(id);
    if (record?.state !== "created" || record.problem || deps.waiting.has(id)) return false;
    return isAhead(record) || this.#hasRoom(deps.findSandbox(record.plan.sandboxId));
  }

  #hasRoom(sandbox: SandboxRecord | undefined): boolean {
    if (this.#closed || sandbox?.state !== "ready" || sandbox.plan.handler.prestart === false) return false;
    return this.#options.rows.store.list().filter(({ facts }) => facts.ahead === true).length < mostAhead;
  }

  #takeBackLater(id: string): void {
    if (this.#closed) return;
    const { rows, owners, holdMs = usualHoldMs } = this.#options;
    clearTimeout(this.#timers.get(id));
    const over = (): void => {
      this.#timers.delete(id);
      const record = rows.store.find(id);
      // Whoever has the row starts it, removes it or has it made anew.
      if (record && isAhead(record) && !owners.find(id)) this.takeBack(id).catch(() => {}); // kept with the row, and retried
    };
    this.#timers.set(id, setTimeout(over, holdMs).unref());
  }
}

/** Whether the task of a container that is not being started yet is there, is being made, or could not be taken back. */
export function isAhead({ state, facts }: Pick<ContainerRecord, "state" | "facts">): boolean {
  return state === "created" && facts.ahead === true;
}

/** What is known of a container but that. */
export function withoutAhead({ ahead: _ahead, ...facts }: ContainerRecord["facts"]): ContainerRecord["facts"] {
  return facts;
}
