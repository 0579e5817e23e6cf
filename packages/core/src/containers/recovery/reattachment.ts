import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import { Status } from "@crib/wire/task";

import { endLeftExecs } from "../../exec/process/end-left-execs.ts";
import { Budget, waitFor } from "../../flow/budget.ts";
import type { StepLog } from "../../sandbox/steps/types.ts";
import { toKernelIdentity } from "../../tasks/process-identity.ts";
import { taskProcess } from "../../tasks/task-process.ts";
import type { TaskService } from "../../tasks/types.ts";
import { startError, taskEnd, unknownExit } from "../exits/task-end.ts";
import type { ContainerLife } from "../life/container-life.ts";
import type { ContainerRows } from "../life/container-rows.ts";
import { stdioRequest } from "../steps/task.ts";
import type { ContainerRecord } from "../types.ts";
import { whyUnreachable } from "../why-unreachable.ts";

/** Milliseconds that re-attaching to the containers of one pod may take; one that hangs must not hold up the others. */
const adoptMs = 5_000;

/** Milliseconds after which a pod that did not answer is asked again. */
const againMs = 5_000;

/** What re-attaching is made of. */
export interface ReattachmentOptions {
  readonly bootId: string;
  readonly rows: ContainerRows;
  readonly life: ContainerLife;
  readonly log: StepLog;
}

/**
 * Takes up the containers of an earlier daemon: those that run are watched on, those that ended meanwhile get the exit that their shim
 * kept, those of another boot have ended without anybody knowing how.
 */
export class Reattachment {
  readonly #options: ReattachmentOptions;
  readonly #closing = new AbortController();

  constructor(options: ReattachmentOptions) {
    this.#options = options;
  }

  /** Settles when each pod has answered or its time is over. What has to be ended is ended in the background. */
  async run(): Promise<void> {
    await this.#takeAll(this.#options.rows.store.list());
  }

  /** The same for the containers of one pod, which was left alone for a while: what is done to one of them just now comes first. */
  async takeUp(sandboxId: string): Promise<void> {
    const { life } = this.#options;
    const owned = this.#of(sandboxId).filter(({ id }) => life.owners.find(id) !== undefined);
    if (owned.length > 0) this.#later(sandboxId, owned);
    await this.#takeAll(this.#of(sandboxId).filter(({ id }) => life.owners.find(id) === undefined));
  }

  /** Leaves the containers of a pod alone: its controller goes, so that nobody could tell how they fare, and none has ended for that. */
  leave(sandboxId: string): void {
    const { exits, services } = this.#options.rows.deps;
    for (const { id } of this.#of(sandboxId)) if (!exits.end(id)) exits.forget(id);
    services.disconnect(sandboxId);
  }

  close(): void {
    this.#closing.abort(new StatusError(Code.Unavailable, "crib is shutting down"));
  }

  #of(sandboxId: string): readonly ContainerRecord[] {
    return this.#options.rows.store.list().filter(({ plan }) => plan.sandboxId === sandboxId);
  }

  async #takeAll(containers: readonly ContainerRecord[]): Promise<void> {
    const pods = new Map<string, ContainerRecord[]>();
    for (const record of containers) {
      if (this.#endOfOtherBoot(record) || this.#isUnreachable(record)) continue;
      if (!mayRun(record) && !this.#isWaiting(record)) continue;
      const siblings = pods.get(record.plan.sandboxId) ?? [];
      pods.set(record.plan.sandboxId, [...siblings, record]);
    }
    await Promise.all([...pods].map(([sandboxId, records]) => this.#takePod(sandboxId, records)));
  }

  /** Nothing of another boot is there any more; what was only created is ended too where its pod is lost. */
  #endOfOtherBoot({ id, state, bootId, plan }: ContainerRecord): boolean {
    const { rows, life, bootId: thisBoot } = this.#options;
    if (state !== "created" && state !== "starting" && state !== "running") return false;
    const isLost = rows.deps.findSandbox(plan.sandboxId)?.state !== "ready";
    if (bootId === thisBoot && !(state === "created" && isLost)) return false;
    const why = bootId === thisBoot ? "its pod was lost before it was started" : "the machine was started anew";
    life.endWith(id, unknownExit(why)).catch(() => {}); // kept with the row, and retried
    return true;
  }

  /** Its pod waits for its controller, and so does it. */
  #isUnreachable({ plan }: ContainerRecord): boolean {
    return whyUnreachable(plan, this.#options.rows.deps) !== undefined;
  }

  async #takePod(sandboxId: string, records: readonly ContainerRecord[]): Promise<void> {
    const { rows, log } = this.#options;
    using budget = new Budget(`re-attaching to containers of sandbox "${sandboxId}"`, adoptMs, this.#closing.signal);
    const { signal } = budget;
    let service: TaskService | undefined;
    try {
      service = await waitFor(rows.deps.services.of(sandboxId, signal), signal);
    } catch (reason) {
      if (records.every((record) => this.#isUnreachable(record))) return; // left alone meanwhile
      const error = StatusError.from(reason);
      log.warn({ sandboxId, error: error.message }, "task service of a pod cannot be re-attached to");
      if (!isGone(error)) return this.#later(sandboxId, records);
      for (const record of records) this.#lost(record, error.message);
      return;
    }
    await Promise.all(records.map((record) => this.#take(record, service, signal)));
  }

  async #take(record: ContainerRecord, service: TaskService, signal: AbortSignal): Promise<void> {
    const { rows, life, log } = this.#options;
    const { id, plan } = record;
    try {
      if (this.#isWaiting(record)) return this.#watch(record, service);
      const { status, pid, exitStatus, exitedAt } = await service.tasks.state(id, "", signal);
      const isRunning = status === Status.RUNNING || status === Status.PAUSED || status === Status.PAUSING;
      if (status === Status.CREATED) return this.#lost(record, "the daemon ended while it was being started");
      await this.#takeOutput(record, signal);
      await this.#endExecs(record, service, signal);
      if (!isRunning) return void life.end(id, taskEnd({ exitStatus, exitedAt })).catch(() => {}); // kept with the row
      if (record.state === "starting") {
        const identify = rows.deps.taskProcess ?? taskProcess;
        const process = record.facts.process ?? identify(service, pid, id);
        const startedAt = record.facts.startedAt ?? new Date().toISOString();
        await life.settleRunning(id, { startedAt, ...(process && { process }) });
      }
      this.#watch(record, service);
    } catch (reason) {
      if (this.#isUnreachable(record)) return; // left alone meanwhile
      const error = StatusError.from(reason);
      log.warn({ containerId: id, error: error.message }, "container cannot be re-attached to");
      if (isGone(error)) this.#lost(record, error.message);
      else this.#later(plan.sandboxId, [record]);
    }
  }

  /** Its task was made ahead by this daemon, and is not started. */
  #isWaiting({ id }: ContainerRecord): boolean {
    return this.#options.rows.deps.waiting.has(id);
  }

  /** It may have been left alone meanwhile. */
  #watch(record: ContainerRecord, service: TaskService): void {
    if (!this.#isUnreachable(record)) this.#options.rows.deps.exits.arm(record.id, service);
  }

  /** Its last output is in the FIFOs. Where this daemon has had the container before, it copies them still. */
  async #takeOutput({ id, plan }: ContainerRecord, signal: AbortSignal): Promise<void> {
    const { rows, log } = this.#options;
    if (rows.deps.stdio.find(id)) return;
    try {
      await rows.deps.stdio.adopt(stdioRequest(id, plan), signal);
    } catch (reason) {
      log.warn({ containerId: id, error: StatusError.from(reason).message }, "output cannot be taken up");
    }
  }

  /** Whoever ran something in it went with the daemon that served them. */
  async #endExecs({ id, plan }: ContainerRecord, service: TaskService, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const left = {
      containerId: id,
      bundleDir: plan.bundleDir,
      service,
      log: (_level: string, message: string, fields: Readonly<Record<string, unknown>>) => log.warn(fields, message),
    };
    await endLeftExecs(left, signal);
  }

  /** Its shim knows nothing of it, or has died. */
  #lost(record: ContainerRecord, why: string): void {
    this.#endLost(record, why).catch(() => {}); // kept with the row, and retried
  }

  #endLost(record: ContainerRecord, why: string): Promise<void> {
    const { life } = this.#options;
    const { id, state } = record;
    // One that was never started has not run: its start makes another task.
    if (this.#isWaiting(record)) return life.ahead.takeBack(id);
    return state === "starting" ? life.endWith(id, startError(why)) : life.end(id, { kind: "lost", why });
  }

  /** The shim hangs: the container runs on, and its end shows by its process or when the shim answers. */
  #later(sandboxId: string, records: readonly ContainerRecord[]): void {
    const timer = setTimeout(() => {
      const { rows, life } = this.#options;
      const left = records
        .flatMap(({ id }) => rows.store.find(id) ?? [])
        .filter(
          (record) =>
            (mayRun(record) || this.#isWaiting(record)) &&
            !rows.deps.exits.isArmed(record.id) &&
            !this.#isUnreachable(record),
        );
      // A flow that has the row may end without the container having ended: somebody must watch it then.
      const owned = left.filter(({ id }) => life.owners.find(id) !== undefined);
      if (owned.length > 0) this.#later(sandboxId, owned);
      const free = left.filter((record) => !owned.includes(record));
      const gone = free.filter((record) => hasEnded(record));
      for (const record of gone) this.#lost(record, "it ended while its shim did not answer");
      const still = free.filter((record) => !gone.includes(record));
      if (still.length > 0) void this.#takePod(sandboxId, still);
    }, againMs);
    timer.unref();
    this.#closing.signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }
}

/** Whether there may be a task of which nobody knows how it fares. */
function mayRun({ state }: ContainerRecord): boolean {
  return state === "running" || state === "starting";
}

function hasEnded({ facts: { process } }: ContainerRecord): boolean {
  return process !== undefined && !isProcessAlive(toKernelIdentity(process));
}

function isGone(error: StatusError): boolean {
  return hasCode(error, Code.NotFound) || hasCode(error, Code.FailedPrecondition);
}
