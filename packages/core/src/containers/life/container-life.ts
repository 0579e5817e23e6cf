import { Code, StatusError } from "@crib/errdefs";

import { Budget } from "../../flow/budget.ts";
import { type Owner, RowOwners } from "../../flow/row-owners.ts";
import { undoFailed } from "../../flow/undo-failed.ts";
import type { StepLog } from "../../sandbox/steps/types.ts";
import { observeExit } from "../exits/observe-exit.ts";
import { killedEnd, startError, type TaskEnd } from "../exits/task-end.ts";
import {
  createContainer,
  endContainer,
  removeContainer,
  startContainer,
  stopContainer,
  updateContainer,
} from "../flows.ts";
import { sandboxOf } from "../steps/snapshot.ts";
import { AheadTasks, isAhead, withoutAhead } from "../tasks/ahead-tasks.ts";
import type { ContainerEvent, ContainerExit, ContainerRecord, ContainerResources } from "../types.ts";
import { asFailure, ContainerRuns, type ContainerRunsOptions } from "./container-runs.ts";
import { mergeContainerResources } from "./merge-container-resources.ts";
import type { PluginNotices } from "./plugin-notices.ts";

/** What the life of containers is made of. */
export interface ContainerLifeOptions extends ContainerRunsOptions {
  readonly notices: PluginNotices;
  /** Milliseconds for a whole CreateContainer or StartContainer. */
  readonly runBudgetMs: number;
  /** Milliseconds that a task that was made ahead waits for its start. Default 30,000. */
  readonly holdMs?: number;
  readonly publish: (kind: ContainerEvent["kind"], record: ContainerRecord) => void;
  readonly log: StepLog & { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Takes rows from state to state by their flows. Each call owns its row until it settles; one that another flow has
 * fails with Aborted. A row that cannot be cleaned up keeps the reason and is tried again by itself.
 */
export class ContainerLife {
  readonly owners: RowOwners = new RowOwners("container");
  readonly ahead: AheadTasks;
  readonly #options: ContainerLifeOptions;
  readonly #runs: ContainerRuns;
  #closed = false;

  constructor(options: ContainerLifeOptions) {
    this.#options = options;
    this.#runs = new ContainerRuns(options, (id) => this.heal(id));
    this.ahead = new AheadTasks({ ...options, runs: this.#runs, owners: this.owners });
  }

  /** From `creating` to `created`; on failure everything is taken back and the row is gone, or keeps what stands in the way. */
  async create(id: string): Promise<void> {
    await this.owners.own(id, createContainer.name, (owner) => this.#create(id, owner));
    // Nobody else can have the row yet; the runtime is at work while the caller is answered.
    this.ahead.begin(id);
  }

  /** Takes back a half-made container, all steps of it. */
  undo(id: string): Promise<void> {
    return this.owners.own(id, createContainer.name, async (owner) => {
      owner.undoing = true;
      await this.#undoSteps(id);
    });
  }

  /** From `created` to `running`; on failure to `exited`, with everything given back. */
  start(id: string): Promise<void> {
    return this.owners.own(id, startContainer.name, (owner) => this.#start(id, owner));
  }

  /** To `exited`, of one whose task could not be made. Rejects with the error. */
  failStart(id: string, error: StatusError): Promise<void> {
    return this.owners.own(id, startContainer.name, (owner) => this.#failStart(id, owner, "task.create", error));
  }

  /** From `running` to `exited`: asks, waits as long as its clock says, kills. */
  stop(id: string, timeoutMs: number): Promise<void> {
    return this.owners.own(id, stopContainer.name, async () => {
      const { rows } = this.#options;
      const { exits, clocks } = rows.deps;
      clocks.set(id, timeoutMs);
      const stopBy = new Date(Date.now() + Math.min(timeoutMs, 8.64e12)).toISOString();
      rows.change(id, { facts: { ...rows.store.get(id).facts, stopBy } });
      try {
        await this.#runs.finish(stopContainer, id);
      } finally {
        clocks.forget(id);
      }
      await this.#end(id, await observeExit(rows, id, exits.end(id) ?? killedEnd()));
    });
  }

  /** From `running` or `starting` to `exited`, when its task has ended by itself. */
  end(id: string, end: TaskEnd): Promise<void> {
    return this.owners.own(id, endContainer.name, async () =>
      this.#end(id, await observeExit(this.#options.rows, id, end)),
    );
  }

  /** To `exited` with this exit, or the one that is recorded. */
  endWith(id: string, exit?: ContainerExit): Promise<void> {
    return this.owners.own(id, endContainer.name, () => this.#end(id, exit));
  }

  /** One that does not run to nothing. */
  remove(id: string): Promise<void> {
    return this.owners.own(id, removeContainer.name, async () => {
      const { rows, log, publish, notices } = this.#options;
      if (isAhead(rows.store.get(id))) await this.ahead.undo(id);
      const record = rows.change(id, { state: "removing" });
      this.#runs.copySoon(id);
      await notices.tellRemoved(id);
      await this.#runs.finish(removeContainer, id);
      publish("deleted", record);
      this.#runs.forget(id);
      log.info({ containerId: id, container: record.name }, "container is removed");
    });
  }

  /** Changes limits, and keeps them. What could not be applied is not kept. */
  update(id: string, resources: ContainerResources): Promise<void> {
    return this.owners.own(id, updateContainer.name, () => this.#update(id, resources));
  }

  /** The task service has answered that a row that was being started runs. */
  async settleRunning(id: string, facts: ContainerRecord["facts"]): Promise<void> {
    const { rows, publish } = this.#options;
    const record = rows.become(id, "running", facts);
    this.#runs.copySoon(id);
    publish("started", record);
  }

  /** Takes a row that was left half-way to where it was going. Never rejects: a failure is kept with the row and retried. */
  async heal(id: string): Promise<void> {
    const record = this.#options.rows.store.find(id);
    if (!record || this.owners.find(id) || this.#closed) return;
    try {
      await this.#heal(record);
    } catch (reason) {
      // What a flow failed for is recorded and scheduled; anything else has to be seen and retried as well.
      if (this.#options.rows.store.find(id)?.problem) return;
      const error = StatusError.from(reason).message;
      this.#options.log.warn({ containerId: id, error }, "container cannot be recovered yet");
      this.#options.retries.schedule(id, 1, () => this.heal(id));
    }
  }

  /** Starts no more retries, and waits at most `timeoutMs` for flows that run. */
  async close(timeoutMs: number): Promise<void> {
    this.#closed = true;
    this.ahead.close();
    this.#options.retries.stop();
    const running = Promise.allSettled(this.owners.all().map((owner) => owner.done));
    const late = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([running.then(() => this.#runs.copied()), late]);
  }

  async #heal(record: ContainerRecord): Promise<void> {
    const { id, state, facts } = record;
    switch (state) {
      case "creating":
        return await this.undo(id);
      case "ending":
        return await this.endWith(id);
      case "removing":
        return await this.remove(id);
      case "running":
        if (facts.stopBy !== undefined) return await this.stop(id, Math.max(0, Date.parse(facts.stopBy) - Date.now()));
        if (facts.updating !== undefined) return await this.update(id, facts.updating);
        return;
      case "created":
        return this.ahead.isStale(record) ? await this.ahead.takeBack(id) : undefined;
      case "starting":
      case "exited":
        return;
    }
  }

  async #create(id: string, owner: Owner): Promise<void> {
    const { rows, runBudgetMs, log, publish } = this.#options;
    const { sessions } = rows.deps;
    const session = { volumes: [], updates: [], leave: (): void => {} };
    sessions.set(id, session);
    try {
      using budget = new Budget(createContainer.name, runBudgetMs, owner.abort.signal);
      try {
        // The row is durable; its copy is only for the loss of the database.
        const copy = rows.store.copy(id);
        const made = rows.forward(createContainer, id, budget.signal);
        await Promise.allSettled([copy, made]);
        await made;
        await copy;
        // The pod may have been stopped meanwhile; whoever stops it waits for this row to be free.
        sandboxOf({ id, plan: rows.store.get(id).plan, deps: rows.deps });
        budget.signal.throwIfAborted();
      } catch (reason) {
        owner.undoing = true;
        const failure = asFailure(reason, "row.commit", createContainer);
        log.warn({ containerId: id, step: failure.step, error: failure.error.message }, "container was not created");
        await undoFailed(failure, (begun) => this.#undoSteps(id, begun));
        throw failure.error;
      }
      const record = rows.become(id, "created");
      this.#runs.copySoon(id);
      log.info({ containerId: id, container: record.name }, "container is created");
      publish("created", record);
    } finally {
      session.leave();
      sessions.delete(id);
    }
  }

  async #start(id: string, owner: Owner): Promise<void> {
    const { rows, runBudgetMs, log, publish } = this.#options;
    // From here on it is EndContainer that gives the task back, whoever made it.
    rows.change(id, { state: "starting", facts: withoutAhead(rows.store.get(id).facts) }, "problem");
    try {
      using budget = new Budget(startContainer.name, runBudgetMs, owner.abort.signal);
      await rows.forward(startContainer, id, budget.signal);
    } catch (reason) {
      const { step, error } = asFailure(reason, "row.commit", startContainer);
      return await this.#failStart(id, owner, step, error);
    }
    const record = rows.become(id, "running");
    this.#runs.copySoon(id);
    log.info({ containerId: id, container: record.name }, "container runs");
    publish("started", record);
    const sandbox = rows.deps.findSandbox(record.plan.sandboxId);
    // Not waited for; what plugins are told of this container later comes after it.
    if (sandbox) void rows.deps.hooks.postStartContainer(sandbox, record, new AbortController().signal);
  }

  async #failStart(id: string, owner: Owner, step: string, error: StatusError): Promise<never> {
    owner.undoing = true;
    this.#options.log.warn({ containerId: id, step, error: error.message }, "container failed to start");
    // What stands in the way is kept with the row; the caller is told why it did not start.
    await this.#end(id, startError(error.message)).catch(() => {});
    throw error;
  }

  async #end(id: string, exit?: ContainerExit): Promise<void> {
    const { rows, log, publish, notices } = this.#options;
    const before = rows.store.get(id);
    const facts = withoutAhead(before.facts);
    const ended = exit && facts.exit === undefined ? { ...facts, exit } : facts;
    // What stands in the way of an end that is tried again stays known: each try waits longer than the last.
    rows.change(id, { state: "ending", facts: ended }, before.state === "ending" ? undefined : "problem");
    this.#runs.copySoon(id);
    await this.#runs.finish(endContainer, id);
    const record = rows.become(id, "exited");
    this.#runs.copySoon(id);
    const { exitCode, reason } = record.facts.exit ?? {};
    log.info({ containerId: id, container: record.name, exitCode, reason }, "container has exited");
    publish("stopped", record);
    void notices.tellStopped(id);
  }

  async #update(id: string, change: ContainerResources): Promise<void> {
    const { rows } = this.#options;
    // A task that waits has the old limits; its start makes another with the new ones.
    if (isAhead(rows.store.get(id))) await this.ahead.undo(id);
    const { state, facts, plan } = rows.store.get(id);
    if (state !== "created" && state !== "running") {
      throw new StatusError(Code.FailedPrecondition, `updating container "${id}": it has ended`);
    }
    rows.change(id, { facts: { ...facts, updating: change } });
    try {
      await rows.forward(updateContainer, id, new AbortController().signal);
    } catch (reason) {
      const { updating: _failed, ...kept } = rows.store.get(id).facts;
      rows.change(id, { facts: kept });
      throw asFailure(reason, "row.commit", updateContainer).error;
    }
    const { updating: _applied, ...rest } = rows.store.get(id).facts;
    const resources = mergeContainerResources(facts.resources ?? plan.resources, change);
    rows.change(id, { facts: { ...rest, resources } });
    this.#runs.copySoon(id);
  }

  /** Undoes steps of CreateContainer and drops the row; when that fails, the row says why and is tried again later. */
  async #undoSteps(id: string, begun?: ReadonlySet<string>): Promise<void> {
    await this.#runs.undo(createContainer, id, begun);
    this.#runs.forget(id);
  }
}
