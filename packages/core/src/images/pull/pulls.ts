import { waitFor } from "../../flow/budget.ts";
import type { ImageSource } from "../sources/image-source.ts";
import type { Image, PullEvent } from "../types.ts";
import { JoinedPulls, type PullIdentity } from "./joined-pulls.ts";
import { Places } from "./places.ts";
import type { PullLife } from "./pull-life.ts";
import type { PullProgress } from "./pull-progress.ts";
import { PullSession } from "./pull-session.ts";
import type { PullPlan } from "./types.ts";
import type { Works } from "./works.ts";

/** What pulls are made of. */
export interface PullsOptions {
  readonly life: PullLife;
  readonly works: Works;
  readonly downloadsPerPull: number;
  readonly progressTimeoutMs: number;
  /** Settles when pulls may begin. */
  readonly cleared: () => Promise<void>;
}

/** Begins pulls, or joins them to those that run. */
export class Pulls {
  readonly #options: PullsOptions;
  readonly #joined = new JoinedPulls();

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /** Gives the image as it was recorded. `signal` ends the caller's wait only. */
  run(
    identity: PullIdentity,
    plan: PullPlan,
    source: ImageSource,
    onEvent: ((event: PullEvent) => void) | undefined,
    signal: AbortSignal,
  ): Promise<Image> {
    const start = (progress: PullProgress, abort: AbortSignal): Promise<Image> =>
      this.#pull(plan, source, progress, abort);
    return this.#joined.run(identity, onEvent, start, signal);
  }

  /** Aborts all pulls and waits until they are undone. */
  close(): Promise<void> {
    return this.#joined.close();
  }

  async #pull(plan: PullPlan, source: ImageSource, progress: PullProgress, signal: AbortSignal): Promise<Image> {
    const { life, works, downloadsPerPull, progressTimeoutMs, cleared } = this.#options;
    await waitFor(cleared(), signal);
    const places = new Places(downloadsPerPull);
    const session = new PullSession({ source, places, works, progress, progressTimeoutMs });
    const image = await life.run(plan, session, signal);
    progress.done(image.id);
    return image;
  }
}
