import { Code, hasCode, StatusError } from "@crib/errdefs";

import { Budget, waitFor } from "../flow/budget.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import { whyGone } from "./gone-controller.ts";
import { type Planning, resolveController } from "./plan-pod-sandbox.ts";
import type { SandboxLife } from "./sandbox-life.ts";
import type { SandboxRows } from "./sandbox-rows.ts";
import { describeSandbox, restoreInstance } from "./steps/boundary.ts";
import type { StepLog } from "./steps/types.ts";
import type { SandboxRecord } from "./types.ts";

/** Milliseconds that re-attaching to one pod may take; one that hangs must not hold up the others. */
const adoptMs = 5_000;

/** What the watch over ready sandboxes is made of. */
export interface ExitWatchOptions {
  readonly bootId: string;
  readonly store: SandboxStore;
  readonly rows: Pick<SandboxRows, "change">;
  readonly life: SandboxLife;
  readonly planning: Planning;
  readonly log: StepLog;
}

/** Notices the end of ready sandboxes that nobody stopped, and gives back all that they held. */
export class ExitWatch {
  readonly #options: ExitWatchOptions;
  readonly #closing = new AbortController();

  constructor(options: ExitWatchOptions) {
    this.#options = options;
  }

  /** Watches a sandbox that is ready until it ends or the watch is closed. */
  follow(id: string): void {
    const record = this.#options.store.get(id);
    resolveController(this.#options.planning, record.plan.handler)
      .wait(id, this.#closing.signal)
      .then(
        ({ exitCode, exitedAt, reason = exitCode === 0 ? "Completed" : "Error" }) =>
          this.#ended(id, exitCode, exitedAt, reason),
        (reason: unknown) => {
          if (!hasCode(reason, Code.NotFound)) this.#ended(id, 255, new Date(), StatusError.from(reason).message);
        },
      );
  }

  /**
   * Re-attaches to every sandbox that was ready, in parallel, each within 5 s; one that has ended or does not answer is
   * no longer ready afterwards, and one whose controller is not configured any more is kept as it is for when it is again.
   * After another boot nothing is attached to.
   */
  async reattach(): Promise<void> {
    const ready = this.#options.store.list().filter((record) => record.state === "ready");
    await Promise.all(ready.map((record) => this.#reattachOne(record)));
  }

  close(): void {
    this.#closing.abort(new StatusError(Code.Unavailable, "crib is shutting down"));
  }

  async #reattachOne(record: SandboxRecord): Promise<void> {
    const { id, plan, facts } = record;
    if (record.bootId !== this.#options.bootId) return this.#ended(id, 255, new Date(), "Reboot");
    if (!this.#options.planning.controllers.has(plan.handler.controller)) return this.#keepUnreachable(record);
    try {
      using budget = new Budget("re-attaching", adoptMs);
      if (!facts.instance) throw new StatusError(Code.DataLoss, "its record has no instance");
      const controller = resolveController(this.#options.planning, plan.handler);
      const adopted = controller.adopt(describeSandbox(id, plan), restoreInstance(facts.instance), budget.signal);
      const status = await waitFor(adopted, budget.signal);
      // A pending one ran when last heard of: its controller waits for whoever can tell.
      if (status.state === "ready" || status.state === "pending") this.#takeUp(record);
      else
        this.#ended(
          id,
          status.exit?.exitCode ?? 255,
          status.exit?.exitedAt ?? new Date(),
          status.exit?.reason ?? "Exited",
        );
    } catch (reason) {
      const { message } = StatusError.from(reason);
      this.#options.log.warn({ sandboxId: id, error: message }, "pod sandbox cannot be re-attached to");
      this.#ended(id, 255, new Date(), "Lost");
    }
  }

  #takeUp({ id, unreachable }: SandboxRecord): void {
    if (unreachable) this.#options.rows.change(id, {}, "unreachable");
    this.follow(id);
  }

  #keepUnreachable({ id, plan, unreachable }: SandboxRecord): void {
    const { controller } = plan.handler;
    const since = unreachable?.since ?? new Date().toISOString();
    this.#options.rows.change(id, { unreachable: { reason: whyGone(controller), since } });
    this.#options.log.warn({ sandboxId: id, controller }, "pod sandbox is kept without its controller");
  }

  #ended(id: string, exitCode: number, exitedAt: Date, reason: string): void {
    const { store, life, log } = this.#options;
    if (this.#closing.signal.aborted || life.owners.find(id) || store.find(id)?.state !== "ready") return;
    log.warn({ sandboxId: id, exitCode, reason }, "pod sandbox has ended by itself");
    life.stop(id, { exitCode, exitedAt: exitedAt.toISOString(), reason }).catch(() => {}); // kept with the row, and retried
  }
}
