import { StatusError } from "@crib/errdefs";

import { flowProblem } from "../../flow/flow-problem.ts";
import type { Retries } from "../../flow/retries.ts";
import { FlowFailure } from "../../flow/run-flow.ts";
import type { StepLog } from "../../sandbox/steps/types.ts";
import type { ContainerFlow } from "../flows.ts";
import type { ContainerRows } from "./container-rows.ts";

/** What runs of flows over containers need. */
export interface ContainerRunsOptions {
  readonly rows: ContainerRows;
  readonly retries: Retries;
  /** Settles when nothing runs any more that an earlier daemon started for rows that are half-way. */
  readonly straysEnded: Promise<void>;
  readonly log: StepLog;
}

/** Runs what must succeed in the end. What stands in the way is kept with the row, and `heal` is called for it again and again. */
export class ContainerRuns {
  readonly #options: ContainerRunsOptions;
  readonly #heal: (id: string) => Promise<void>;
  readonly #copies = new Set<Promise<void>>();

  constructor(options: ContainerRunsOptions, heal: (id: string) => Promise<void>) {
    this.#options = options;
    this.#heal = heal;
  }

  /** Runs a flow that is only ever finished, never undone. */
  async finish(flow: ContainerFlow, id: string): Promise<void> {
    await this.#options.straysEnded;
    try {
      await this.#options.rows.forward(flow, id, new AbortController().signal);
    } catch (reason) {
      const { step, error } = asFailure(reason, "row.commit", flow);
      throw this.#keepProblem(id, flow.name, step, error);
    }
  }

  /** Undoes the steps of a flow that were begun, or all of them when that is not known. */
  async undo(flow: ContainerFlow, id: string, begun?: ReadonlySet<string>): Promise<void> {
    await this.#options.straysEnded;
    const [first] = await this.#options.rows.backward(flow, id, begun);
    if (first) throw this.#keepProblem(id, `undo ${flow.name}`, first.step, first.error);
  }

  /**
   * The row first: a copy without a row is cleaned up once more at the next start, so that nobody need wait for it to go; a row without its
   * copy is as good as whole.
   */
  forget(id: string): void {
    const { rows, retries } = this.#options;
    retries.cancel(id);
    rows.store.delete(id);
    this.#inBackground(id, rows.store.dropCopy(id), "the copy of a container's record is left");
  }

  /** Nobody waits for it: the row is durable, the copy is for the loss of the database and for people. */
  copySoon(id: string): void {
    this.#inBackground(id, this.#options.rows.store.copy(id), "no copy of a container's record");
  }

  /** Settles when the copies that are being written or removed are. */
  async copied(): Promise<void> {
    await Promise.all(this.#copies);
  }

  #inBackground(id: string, work: Promise<void>, failure: string): void {
    const done = work.catch((reason: unknown) => {
      this.#options.log.warn({ containerId: id, error: StatusError.from(reason).message }, failure);
    });
    this.#copies.add(done);
    void done.finally(() => this.#copies.delete(done));
  }

  #keepProblem(id: string, flow: string, step: string, error: StatusError): StatusError {
    const { rows, retries, log } = this.#options;
    const problem = flowProblem({ flow, step, error }, rows.store.get(id).problem);
    rows.change(id, { problem });
    const fields = { containerId: id, flow, step, attempts: problem.attempts, error: error.message };
    log.warn(fields, "container cannot be cleaned up yet");
    retries.schedule(id, problem.attempts, () => this.#heal(id));
    return new StatusError(error.code, `container "${id}": ${flow}: ${step}: ${error.message}`, { cause: error });
  }
}

/** A failure of a flow as one; anything else can only be of `step`, which is done when all of the flow's are. */
export function asFailure(reason: unknown, step: string, { steps }: ContainerFlow): FlowFailure {
  if (reason instanceof FlowFailure) return reason;
  return new FlowFailure(step, StatusError.from(reason), new Set(steps.map(({ name }) => name)));
}
