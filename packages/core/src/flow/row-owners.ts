import { Code, StatusError } from "@crib/errdefs";

import { waitFor } from "./budget.ts";

/** The flow that has a row just now. */
export interface Owner {
  readonly flow: string;
  /** Set once the flow has failed and is taking back what it did. */
  undoing: boolean;
  readonly abort: AbortController;
  /** Settles, as the flow does, when the row is free again. */
  readonly done: Promise<void>;
}

/** Sees to it that at most one flow has a row at a time. */
export class RowOwners {
  readonly #noun: string;
  readonly #owners = new Map<string, Owner>();

  /** `noun` names a row in errors: `sandbox`, `image`. */
  constructor(noun: string) {
    this.#noun = noun;
  }

  /** The flow that has this row; undefined when it is free. */
  find(id: string): Owner | undefined {
    return this.#owners.get(id);
  }

  /** Every flow that runs. */
  all(): readonly Owner[] {
    return [...this.#owners.values()];
  }

  /** Gives the row to a flow until its work has settled. Rejects with Aborted when another one has it. */
  own(id: string, flow: string, work: (owner: Owner) => Promise<void>): Promise<void> {
    const running = this.#owners.get(id);
    if (running) {
      // Never thrown: who leaves a row to the flow that has it ignores a rejection.
      return Promise.reject(new StatusError(Code.Aborted, `${this.#noun} "${id}": ${running.flow} is under way`));
    }
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    const owner: Owner = { flow, undoing: false, abort: new AbortController(), done };
    this.#owners.set(id, owner);
    done.catch(() => {}); // whoever waits for it sees the failure
    work(owner)
      .finally(() => this.#owners.delete(id))
      .then(resolve, (reason: unknown) => reject(StatusError.from(reason)));
    return done;
  }
}

/** Waits until the row is free, however its flow ends. */
export function waitUntilFree(owner: Owner, signal: AbortSignal): Promise<void> {
  return waitFor(
    owner.done.catch(() => {}),
    signal,
  );
}
