import { Code, StatusError } from "@crib/errdefs";

import { Budget } from "../flow/budget.ts";
import type { Retries } from "../flow/retries.ts";
import { type Owner, RowOwners } from "../flow/row-owners.ts";
import { FlowFailure } from "../flow/run-flow.ts";
import type { StepLog } from "../sandbox/steps/types.ts";
import type { ContainerRows } from "./container-rows.ts";
import { observeExit } from "./exits/observe-exit.ts";
import { killedEnd, startError, type TaskEnd } from "./exits/task-end.ts";
import {
  type ContainerFlow,
  createContainer,
  endContainer,
  removeContainer,
  startContainer,
  stopContainer,
  updateContainer,
} from "./flows.ts";
import { mergeContainerResources } from "./merge-container-resources.ts";
import type { PluginNotices } from "./plugin-notices.ts";
import { sandboxOf } from "./steps/snapshot.ts";
import type { ContainerEvent, ContainerExit, ContainerRecord, ContainerResources } from "./types.ts";

/** What the life of containers is made of. */
export interface ContainerLifeOptions {
  readonly rows: ContainerRows;
  readonly retries: Retries;
  readonly notices: PluginNotices;
  /** Settles when nothing runs any more that an earlier daemon started for rows that are half-way. */
  readonly straysEnded: Promise<void>;
  /** Milliseconds for a whole CreateContainer or StartContainer. */
  readonly runBudgetMs: number;
  readonly publish: (kind: ContainerEvent["kind"], record: ContainerRecord) => void;
  readonly log: StepLog & { info(fields: Readonly<Record<string, unknown>>, message: string): void };
}

/**
 * Takes rows from state to state by their flows. Each call owns its row until it settles; one that another flow has
 * fails with Aborted. A row that cannot be cleaned up keeps the reason and is tried again by itself.
 */
export class ContainerLife {
  readonly owners: RowOwners = new RowOwners("container");
  readonly #options: ContainerLifeOptions;
  readonly #copies = new Set<Promise<void>>();
  #closed = false;

  constructor(options: ContainerLifeOptions) {
    this.#options = options;
  }

  /** From `creating` to `created`; on failure everything is taken back and the row is gone, or keeps what stands in the way. */
  create(id: string): Promise<void> {
    return this.owners.own(id, createContainer.name, (owner) => this.#create(id, owner));
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

  /** From `running` to `exited`: asks, waits as long as its clock says, kills. */
  stop(id: string, timeoutMs: number): Promise<void> {
    return this.owners.own(id, stopContainer.name, async () => {
      const { rows } = this.#options;
      const { exits, clocks } = rows.deps;
      clocks.set(id, timeoutMs);
      const stopBy = new Date(Date.now() + Math.min(timeoutMs, 8.64e12)).toISOString();
      rows.change(id, { facts: { ...rows.store.get(id).facts, stopBy } });
      try {
        await this.#finish(stopContainer, id);
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
      const record = rows.change(id, { state: "removing" });
      this.#copySoon(id);
      await notices.tellRemoved(id);
      await this.#finish(removeContainer, id);
      publish("deleted", record);
      await this.#forget(id);
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
    this.#copySoon(id);
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
    this.#options.retries.stop();
    const running = Promise.allSettled(this.owners.all().map((owner) => owner.done));
    const late = new Promise((resolve) => setTimeout(resolve, timeoutMs).unref());
    await Promise.race([running.then(() => Promise.all(this.#copies)), late]);
  }

  async #heal({ id, state, facts }: ContainerRecord): Promise<void> {
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
        await this.#undoSteps(id, failure.begun);
        throw failure.error;
      }
      const record = rows.become(id, "created");
      this.#copySoon(id);
      log.info({ containerId: id, container: record.name }, "container is created");
      publish("created", record);
    } finally {
      session.leave();
      sessions.delete(id);
    }
  }

  async #start(id: string, owner: Owner): Promise<void> {
    const { rows, runBudgetMs, log, publish } = this.#options;
    rows.become(id, "starting");
    try {
      using budget = new Budget(startContainer.name, runBudgetMs, owner.abort.signal);
      await rows.forward(startContainer, id, budget.signal);
    } catch (reason) {
      owner.undoing = true;
      const { step, error } = asFailure(reason, "row.commit", startContainer);
      log.warn({ containerId: id, step, error: error.message }, "container failed to start");
      // What stands in the way is kept with the row; the caller is told why it did not start.
      await this.#end(id, startError(error.message)).catch(() => {});
      throw error;
    }
    const record = rows.become(id, "running");
    this.#copySoon(id);
    log.info({ containerId: id, container: record.name }, "container runs");
    publish("started", record);
    const sandbox = rows.deps.findSandbox(record.plan.sandboxId);
    // Not waited for; what plugins are told of this container later comes after it.
    if (sandbox) void rows.deps.hooks.postStartContainer(sandbox, record, new AbortController().signal);
  }

  async #end(id: string, exit?: ContainerExit): Promise<void> {
    const { rows, log, publish, notices } = this.#options;
    const { facts } = rows.store.get(id);
    rows.become(id, "ending", exit && facts.exit === undefined ? { exit } : {});
    this.#copySoon(id);
    await this.#finish(endContainer, id);
    const record = rows.become(id, "exited");
    this.#copySoon(id);
    const { exitCode, reason } = record.facts.exit ?? {};
    log.info({ containerId: id, container: record.name, exitCode, reason }, "container has exited");
    publish("stopped", record);
    void notices.tellStopped(id);
  }

  async #update(id: string, change: ContainerResources): Promise<void> {
    const { rows } = this.#options;
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
    this.#copySoon(id);
  }

  /** Undoes steps of CreateContainer and drops the row; when that fails, the row says why and is tried again later. */
  async #undoSteps(id: string, begun?: ReadonlySet<string>): Promise<void> {
    await this.#options.straysEnded;
    const [first] = await this.#options.rows.backward(createContainer, id, begun);
    if (first) throw this.#keepProblem(id, `undo ${createContainer.name}`, first.step, first.error);
    await this.#forget(id);
  }

  /** Runs a flow that is only ever finished, never undone. */
  async #finish(flow: ContainerFlow, id: string): Promise<void> {
    await this.#options.straysEnded;
    try {
      await this.#options.rows.forward(flow, id, new AbortController().signal);
    } catch (reason) {
      const { step, error } = asFailure(reason, "row.commit", flow);
      throw this.#keepProblem(id, flow.name, step, error);
    }
  }

  /** The row first: a copy without a row is cleaned up once more at the next start, a row without its copy is as good as whole. */
  async #forget(id: string): Promise<void> {
    const { rows, retries } = this.#options;
    retries.cancel(id);
    rows.store.delete(id);
    await rows.store.dropCopy(id);
  }

  /** Nobody waits for it: the row is durable, the copy is for the loss of the database and for people. */
  #copySoon(id: string): void {
    const { rows, log } = this.#options;
    const copy = rows.store.copy(id).catch((reason: unknown) => {
      log.warn({ containerId: id, error: StatusError.from(reason).message }, "no copy of a container's record");
    });
    this.#copies.add(copy);
    void copy.finally(() => this.#copies.delete(copy));
  }

  #keepProblem(id: string, flow: string, step: string, error: StatusError): StatusError {
    const { rows, retries, log } = this.#options;
    const before = rows.store.get(id).problem;
    const problem = {
      flow,
      step,
      message: error.message,
      since: before?.since ?? new Date().toISOString(),
      attempts: (before?.attempts ?? 0) + 1,
    };
    rows.change(id, { problem });
    const fields = { containerId: id, flow, step, attempts: problem.attempts, error: error.message };
    log.warn(fields, "container cannot be cleaned up yet");
    retries.schedule(id, problem.attempts, () => this.heal(id));
    return new StatusError(error.code, `container "${id}": ${flow}: ${step}: ${error.message}`, { cause: error });
  }
}

function asFailure(reason: unknown, step: string, { steps }: ContainerFlow): FlowFailure {
  if (reason instanceof FlowFailure) return reason;
  // Nothing but the commit is left then: every step has run.
  return new FlowFailure(step, StatusError.from(reason), new Set(steps.map(({ name }) => name)));
}
