import { createHmac, randomBytes } from "node:crypto";

import { Code, StatusError } from "@crib/errdefs";
import type { Credentials } from "@crib/registry";

import { waitFor } from "../../flow/budget.ts";
import { canonicalJson } from "../../metadata/canonical-json.ts";
import type { Image, PullEvent } from "../types.ts";
import { PullProgress } from "./pull-progress.ts";

interface Running {
  readonly progress: PullProgress;
  readonly abort: AbortController;
  readonly done: Promise<Image>;
  callers: number;
}

/** What makes two pulls the same. */
export interface PullIdentity {
  /** The canonical text of the reference. */
  readonly reference: string;
  readonly handler: string;
  readonly credentials: Credentials | undefined;
}

/** Lets equal pulls that run at the same time be one. */
export class JoinedPulls {
  readonly #running = new Map<string, Running>();
  /** Credentials are compared by what they hash to with a key that nobody else has. */
  readonly #key = randomBytes(32);

  /**
   * Joins the pull that runs, or starts one. `signal` ends the caller's wait; a pull that nobody waits for any more is aborted. One
   * that is being aborted is waited for, and then there is a new one.
   */
  async run(
    identity: PullIdentity,
    onEvent: ((event: PullEvent) => void) | undefined,
    start: (progress: PullProgress, signal: AbortSignal) => Promise<Image>,
    signal: AbortSignal,
  ): Promise<Image> {
    const key = this.#keyOf(identity);
    for (;;) {
      const running = this.#running.get(key);
      if (!running?.abort.signal.aborted) break;
      await waitFor(Promise.allSettled([running.done]), signal);
    }
    const pull = this.#running.get(key) ?? this.#start(key, identity.reference, start);
    return await this.#wait(pull, onEvent, signal);
  }

  /** Aborts all pulls and waits until they have been undone. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { abort } of all) abort.abort(new StatusError(Code.Unavailable, "crib is shutting down"));
    await Promise.allSettled(all.map(({ done }) => done));
  }

  #start(key: string, reference: string, start: Parameters<JoinedPulls["run"]>[2]): Running {
    const progress = new PullProgress(reference);
    const abort = new AbortController();
    const done = start(progress, abort.signal).finally(() => {
      progress.close();
      this.#running.delete(key);
    });
    done.catch(() => {}); // those who wait see the failure
    const pull: Running = { progress, abort, done, callers: 0 };
    this.#running.set(key, pull);
    return pull;
  }

  async #wait(pull: Running, onEvent: ((event: PullEvent) => void) | undefined, signal: AbortSignal): Promise<Image> {
    pull.callers++;
    const leave = onEvent && pull.progress.listen(onEvent);
    try {
      return await waitFor(pull.done, signal);
    } finally {
      leave?.();
      pull.callers--;
      if (pull.callers === 0) pull.abort.abort(new StatusError(Code.Canceled, "nobody waits for the pull any more"));
    }
  }

  #keyOf({ reference, handler, credentials }: PullIdentity): string {
    const proof = createHmac("sha256", this.#key)
      .update(canonicalJson(credentials ?? null))
      .digest("hex");
    return JSON.stringify([reference, handler, proof]);
  }
}
