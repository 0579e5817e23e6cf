import { randomBytes } from "node:crypto";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { ContentStore } from "../../content/types.ts";
import type { FlowRows } from "../../flow/flow-rows.ts";
import type { Retries } from "../../flow/retries.ts";
import { FlowFailure, type UndoFailure } from "../../flow/run-flow.ts";
import type { AbandonedClaims } from "../garbage/abandoned-claims.ts";
import type { ImagesLog } from "../images-options.ts";
import { viewImage } from "../records/find-image.ts";
import type { Image } from "../types.ts";
import { type CommitDeps, commitImage, type CommittedImage } from "./commit-image.ts";
import { pullImage } from "./pull-image.ts";
import type { PullSession } from "./pull-session.ts";
import type { PullDeps } from "./steps/types.ts";
import type { PullFacts, PullPlan, PullRecord } from "./types.ts";

/** What the life of pulls is made of. */
export interface PullLifeOptions extends CommitDeps {
  readonly content: ContentStore;
  readonly sessions: Map<string, PullSession>;
  readonly rows: FlowRows<PullDeps, PullPlan, PullFacts>;
  readonly abandoned: AbandonedClaims;
  readonly retries: Retries;
  readonly bootId: string;
  /** Whether an image that was recorded survives a loss of power. */
  readonly syncOnCommit: boolean;
  /** Asks for a collection soon. */
  readonly collect: () => void;
  readonly log: ImagesLog;
}

/** Takes rows of pulls from their first step to the image, or to nothing. */
export class PullLife {
  readonly #options: PullLifeOptions;
  /** Pulls that have not come to their end, whichever. */
  readonly #running = new Set<string>();
  /** How often the undo of a row has failed. */
  readonly #attempts = new Map<string, number>();

  constructor(options: PullLifeOptions) {
    this.#options = options;
  }

  /** Runs a pull to its end. When it fails all is undone, and the row is gone or keeps what stands in the way. */
  async run(plan: PullPlan, session: PullSession, signal: AbortSignal): Promise<Image> {
    const { pulls, images, sessions, rows, abandoned, bootId, log } = this.#options;
    const id = randomBytes(16).toString("hex");
    const createdAt = new Date().toISOString();
    sessions.set(id, session);
    this.#running.add(id);
    try {
      pulls.put({ version: 1, id, state: "pulling", createdAt, bootId, plan, facts: {}, runs: [] });
      await rows.forward(pullImage, id, signal);
      const committed = commitImage(this.#options, id);
      const undone = pulls.list().filter((pull) => !this.#running.has(pull.id));
      abandoned.fulfil(committed.id, plan.reference, undone);
      log.info({ image: plan.reference, imageId: committed.id }, "image is pulled");
      // As it is now: it may be removed before the rest is done.
      const image = viewImage(images, images.get(committed.id));
      await this.#settle(session, committed);
      return image;
    } catch (reason) {
      const failure = reason instanceof FlowFailure ? reason : undefined;
      const error = failure?.error ?? StatusError.from(reason);
      log.warn({ image: plan.reference, step: failure?.step ?? "image.commit", error: error.message }, "pull failed");
      await this.#undo(id, error, failure?.begun);
      throw error;
    } finally {
      this.#running.delete(id);
      // While its row is there, what it holds in memory is still to be taken back.
      if (!pulls.find(id)) sessions.delete(id);
    }
  }

  /** Takes back a pull that an earlier daemon began. Never rejects: a failure is kept with the row and retried. */
  async heal(id: string): Promise<void> {
    await this.#heal(id, new StatusError(Code.Canceled, "the daemon ended"));
  }

  async #heal(id: string, cause: StatusError): Promise<void> {
    if (!this.#options.pulls.find(id) || this.#running.has(id)) return;
    await this.#undo(id, cause);
  }

  /** What is left to do of a pull that is recorded does not make it fail. */
  async #settle(session: PullSession, { id, losers }: CommittedImage): Promise<void> {
    const { images, database, syncOnCommit, log } = this.#options;
    const outcomes = await Promise.allSettled([
      session.end(),
      syncOnCommit ? database.sync() : Promise.resolve(),
      ...[id, ...losers].map((image) => images.copy(image)),
      // Where a removal has used it up and there was no room for another, the next one may need it by now.
      database.reserve.restore(),
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        log.warn({ imageId: id, error: message(outcome.reason) }, "pull left something behind");
    }
  }

  async #undo(id: string, cause: StatusError, begun?: ReadonlySet<string>): Promise<void> {
    const { pulls, sessions, abandoned, bootId, collect } = this.#options;
    const pull = pulls.find(id);
    if (!pull) return;
    // The caller will try again and needs what is here; on a full disk others need the room more. What the machine had not
    // written to the disk when it went down is worth nothing.
    const isWorthKeeping =
      !hasCode(cause, Code.ResourceExhausted) && pull.bootId === bootId && !abandoned.isGivenUp(id);
    try {
      await this.#takeBack(id, begun);
      if (isWorthKeeping) abandoned.add(pulls.get(id));
      else await this.#giveUp(pulls.get(id));
      pulls.delete(id);
      this.#attempts.delete(id);
      sessions.delete(id);
      abandoned.rowGone(id);
    } catch (reason) {
      this.#keepProblem(id, cause, message(reason));
    }
    collect();
  }

  async #takeBack(id: string, begun: ReadonlySet<string> | undefined): Promise<void> {
    let failed: UndoFailure | undefined;
    try {
      [failed] = await this.#options.rows.backward(pullImage, id, begun);
    } catch (reason) {
      // All is taken back, and a full disk has no room to record how long that took. The row goes anyway.
      if (!hasCode(reason, Code.ResourceExhausted)) throw reason;
    }
    if (failed) throw new StatusError(failed.error.code, `${failed.step}: ${failed.error.message}`);
  }

  /** What the pull had goes, even while there is no room to delete its row. */
  async #giveUp({ id, facts }: PullRecord): Promise<void> {
    const { abandoned, content } = this.#options;
    abandoned.giveUp(id);
    await content.dropPartials(0, new Set(facts.layers?.map(({ digest }) => digest)));
  }

  /** `cause` is why the pull failed, `problem` why it cannot be taken back yet. */
  #keepProblem(id: string, cause: StatusError, problem: string): void {
    const { retries, log } = this.#options;
    const attempts = (this.#attempts.get(id) ?? 0) + 1;
    this.#attempts.set(id, attempts);
    log.warn({ pull: id, attempts, error: problem }, "pull cannot be undone yet");
    retries.schedule(id, attempts, () => this.#heal(id, cause));
  }
}

function message(reason: unknown): string {
  return StatusError.from(reason).message;
}
