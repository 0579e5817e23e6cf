import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { ExitStatus, SandboxController } from "@crib/sandboxer";

import { Budget, waitFor } from "../flow/budget.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import { whyGone } from "./gone-controller.ts";
import type { Planning } from "./plan-pod-sandbox.ts";
import type { SandboxLife } from "./sandbox-life.ts";
import type { SandboxRows } from "./sandbox-rows.ts";
import { describeSandbox, restoreInstance } from "./steps/boundary.ts";
import type { StepLog } from "./steps/types.ts";
import type { SandboxRecord } from "./types.ts";

/** Milliseconds that re-attaching to one pod may take; one that hangs must not hold up the others. */
const adoptMs = 5_000;

/** How often a controller that is back, but does not tell of a pod yet, is looked at. In milliseconds; from memory. */
const toldMs = 250;

/** What is in a pod that stays when its controller goes. */
export interface PodContents {
  /** Asks nothing about it any more, and takes nothing from it. */
  leave(sandboxId: string): void;
  /** Finds out how it fares, and watches it again. */
  takeUp(sandboxId: string): Promise<void>;
}

/** What has become of pods that waited for their controller: how many of each. */
export interface TakenUp {
  readonly ready: number;
  /** The controller does not tell of them yet: they are ready as soon as it says so. */
  readonly waiting: number;
  readonly ended: number;
}

/** What the watch over ready sandboxes is made of. */
export interface ExitWatchOptions {
  readonly bootId: string;
  readonly store: SandboxStore;
  readonly rows: Pick<SandboxRows, "change">;
  readonly life: Pick<SandboxLife, "stop" | "owners">;
  readonly planning: Pick<Planning, "controllers">;
  readonly contents: PodContents;
  readonly log: StepLog;
}

/** Notices the end of ready sandboxes that nobody stopped, and gives back all that they held. */
export class ExitWatch {
  readonly #options: ExitWatchOptions;
  /** By id; aborted when the watch is over, or the controller goes. */
  readonly #followed = new Map<string, AbortController>();
  #isClosed = false;

  constructor(options: ExitWatchOptions) {
    this.#options = options;
  }

  /** Watches a sandbox that is ready until it ends, its controller goes or the watch is closed. Does nothing for one that is watched. */
  follow(id: string): void {
    if (this.#followed.has(id) || this.#isClosed) return;
    const record = this.#options.store.get(id);
    const controller = this.#controllerOf(record);
    // It may have gone while the pod was being made.
    if (!controller) return this.#keepUnreachable(record);
    const following = new AbortController();
    this.#followed.set(id, following);
    void this.#awaitEnd(id, controller, following);
  }

  /**
   * Re-attaches to every sandbox that was ready, in parallel, each within 5 s; one that has ended or does not answer is
   * no longer ready afterwards, and one whose controller is not configured any more is kept as it is for when it is again.
   * After another boot nothing is attached to.
   */
  async reattach(): Promise<void> {
    await Promise.all(this.#ready().map((record) => this.#reattachOne(record)));
  }

  /**
   * Keeps the ready sandboxes of a controller that goes, as they are: not shown as ready, and nothing is asked of them nor of what is in them.
   * Synchronous.
   */
  leave(controller: string): void {
    for (const record of this.#ready(controller)) {
      this.#followed.get(record.id)?.abort(new StatusError(Code.Canceled, `controller "${controller}" goes`));
      this.#followed.delete(record.id);
      this.#keepUnreachable(record);
      this.#options.contents.leave(record.id);
    }
  }

  /** Re-attaches to the sandboxes that were kept for a controller, which is there now, as `reattach` does, and then to what is in them. */
  async takeUp(controller: string): Promise<TakenUp> {
    const { store, contents } = this.#options;
    const kept = this.#ready(controller).filter(({ unreachable }) => unreachable !== undefined);
    const found = await Promise.all(
      kept.map(async (record) => {
        await this.#reattachOne(record);
        const now = store.find(record.id);
        if (now?.state !== "ready") return "ended";
        if (now.unreachable) return "waiting";
        await contents.takeUp(record.id);
        return "ready";
      }),
    );
    const count = (kind: keyof TakenUp): number => found.filter((one) => one === kind).length;
    return { ready: count("ready"), waiting: count("waiting"), ended: count("ended") };
  }

  close(): void {
    this.#isClosed = true;
    const reason = new StatusError(Code.Unavailable, "crib is shutting down");
    for (const following of this.#followed.values()) following.abort(reason);
    this.#followed.clear();
  }

  #ready(controller?: string): readonly SandboxRecord[] {
    const isWanted = ({ state, plan: { handler } }: SandboxRecord): boolean =>
      state === "ready" && (controller === undefined || handler.controller === controller);
    return this.#options.store.list().filter(isWanted);
  }

  #controllerOf({ plan: { handler } }: SandboxRecord): SandboxController | undefined {
    return this.#options.planning.controllers.get(handler.controller);
  }

  async #reattachOne(record: SandboxRecord): Promise<void> {
    const { id, plan, facts } = record;
    if (record.bootId !== this.#options.bootId) return this.#ended(id, 255, new Date(), "Reboot");
    const controller = this.#controllerOf(record);
    if (!controller) return this.#keepUnreachable(record);
    try {
      using budget = new Budget("re-attaching", adoptMs);
      if (!facts.instance) throw new StatusError(Code.DataLoss, "its record has no instance");
      const adopted = controller.adopt(describeSandbox(id, plan), restoreInstance(facts.instance), budget.signal);
      const { state, exit } = await waitFor(adopted, budget.signal);
      if (this.#controllerOf(record) !== controller) return; // it has gone meanwhile, which is recorded
      // A pending one ran when last heard of: its controller waits for whoever can tell.
      if (state === "ready" || (state === "pending" && !record.unreachable)) this.#takeUp(id);
      else if (state === "pending") void this.#takeUpWhenTold(record, controller);
      else this.#ended(id, exit?.exitCode ?? 255, exit?.exitedAt ?? new Date(), exit?.reason ?? "Exited");
    } catch (reason) {
      if (this.#controllerOf(record) !== controller) return;
      const { message } = StatusError.from(reason);
      this.#options.log.warn({ sandboxId: id, error: message }, "pod sandbox cannot be re-attached to");
      this.#ended(id, 255, new Date(), "Lost");
    }
  }

  async #awaitEnd(id: string, controller: SandboxController, following: AbortController): Promise<void> {
    const { signal } = following;
    const end = await controller.wait(id, signal).catch((reason: unknown): ExitStatus | undefined => {
      // Whoever shut it down knows.
      if (signal.aborted || hasCode(reason, Code.NotFound)) return undefined;
      return { exitCode: 255, exitedAt: new Date(), reason: StatusError.from(reason).message };
    });
    if (this.#followed.get(id) === following) this.#followed.delete(id);
    if (!end || signal.aborted) return;
    const { exitCode, exitedAt, reason = exitCode === 0 ? "Completed" : "Error" } = end;
    this.#ended(id, exitCode, exitedAt, reason);
  }

  #takeUp(id: string): void {
    const { store, rows } = this.#options;
    const record = store.find(id);
    if (record?.state !== "ready") return; // it was stopped meanwhile
    if (record.unreachable) rows.change(id, {}, "unreachable");
    this.follow(id);
  }

  /** One that was not ready for want of its controller is not ready again before that has told of it: it may be away for good. */
  async #takeUpWhenTold({ id }: SandboxRecord, controller: SandboxController): Promise<void> {
    const { store, rows, contents, log } = this.#options;
    const record = store.find(id);
    if (record?.state !== "ready") return;
    const reason = `its controller "${record.plan.handler.controller}" is configured, and does not tell of it yet`;
    const since = record.unreachable?.since ?? new Date().toISOString();
    rows.change(id, { unreachable: { reason, since } });
    this.follow(id);
    const following = this.#followed.get(id);
    try {
      do {
        await delay(toldMs, undefined, { ref: false });
        // It has ended, or the controller has gone.
        if (!following || this.#followed.get(id) !== following) return;
      } while (controller.pending?.(id) !== undefined);
      this.#takeUp(id);
      await contents.takeUp(id);
    } catch (caught) {
      log.warn({ sandboxId: id, error: StatusError.from(caught).message }, "pod sandbox cannot be taken up");
    }
  }

  #keepUnreachable({ id, plan, unreachable }: SandboxRecord): void {
    const { controller } = plan.handler;
    const since = unreachable?.since ?? new Date().toISOString();
    this.#options.rows.change(id, { unreachable: { reason: whyGone(controller), since } });
    this.#options.log.warn({ sandboxId: id, controller }, "pod sandbox is kept without its controller");
  }

  #ended(id: string, exitCode: number, exitedAt: Date, reason: string): void {
    const { store, life, log } = this.#options;
    if (this.#isClosed || life.owners.find(id) || store.find(id)?.state !== "ready") return;
    log.warn({ sandboxId: id, exitCode, reason }, "pod sandbox has ended by itself");
    life.stop(id, { exitCode, exitedAt: exitedAt.toISOString(), reason }).catch(() => {}); // kept with the row, and retried
  }
}
