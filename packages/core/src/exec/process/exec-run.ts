import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { ExecStdio } from "../../io/types.ts";
import type { StartTurns } from "../../tasks/start-turns.ts";
import type { TaskLog, TaskService } from "../../tasks/types.ts";
import { killGroup } from "./kill-group.ts";
import { settlesWithin } from "./settles-within.ts";

/** What an additional process is made from. */
export interface ExecPlan {
  readonly containerId: string;
  readonly execId: string;
  readonly service: TaskService;
  readonly process: Any;
  readonly tty: boolean;
  readonly stdio: ExecStdio;
  readonly log: TaskLog;
}

/**
 * One additional process in a container, from its registration with the shim to its deletion there. The shim's work
 * cannot be called back, so none of its calls ends with a caller: whoever gives up calls `end`, which takes back what
 * there is, whenever the shim answers.
 */
export class ExecRun {
  readonly plan: ExecPlan;
  /** The process runs; gives its pid. Rejects when it could not be started. */
  readonly started: Promise<number>;
  /** Exit code. Unavailable when the shim dies before it; rejects as `started` does. */
  readonly exit: Promise<number>;
  readonly #leaving = new AbortController();
  #end: Promise<void> | undefined;
  #isAtShim = false;
  #hasEnded = false;

  /** Begins when it is its turn at the shim. */
  constructor(plan: ExecPlan, turns: StartTurns) {
    this.plan = plan;
    const waited = Promise.withResolvers<number>();
    waited.promise.catch(() => {});
    this.started = turns.take(plan.service, async () => {
      await this.#register();
      // Armed before the start, so that no exit is missed.
      waited.resolve(this.#wait());
      return await this.#start();
    });
    // The shim tells the end of what it could not start as an exit with code 0.
    this.exit = this.started.then(() => waited.promise);
    this.exit.catch(() => {}); // a caller that has left does not look at it any more
  }

  /** The shim was asked to make it; before, there is nothing of it. */
  get isAtShim(): boolean {
    return this.#isAtShim;
  }

  /**
   * Kills the process if it runs, deletes it and removes its FIFOs. Settles when that is done, at the latest after
   * `waitMs`: the shim, which waits for output that somebody holds open, and the kernel may take their time in the
   * background. Never rejects. Idempotent.
   */
  async end(waitMs = 1_000): Promise<void> {
    this.#end ??= this.#remove();
    await settlesWithin(this.#end, waitMs);
    await this.plan.stdio.close();
  }

  async #register(): Promise<void> {
    if (this.#end !== undefined) throw new StatusError(Code.Canceled, "its caller has left");
    const { containerId: id, execId, service, process, tty, stdio } = this.plan;
    this.#isAtShim = true;
    await service.tasks.exec({ id, execId, terminal: tty, spec: process, ...stdio.paths }, this.#leaving.signal);
  }

  async #wait(): Promise<number> {
    const { containerId, execId, service } = this.plan;
    const { exitStatus } = await service.tasks.wait(containerId, execId, this.#leaving.signal);
    this.#hasEnded = true;
    return exitStatus;
  }

  async #start(): Promise<number> {
    const { containerId, execId, service } = this.plan;
    return await service.tasks.start(containerId, execId, this.#leaving.signal);
  }

  async #remove(): Promise<void> {
    const { containerId, execId, service, log } = this.plan;
    try {
      const isRegistered = await this.#stop();
      if (isRegistered) await service.tasks.delete(containerId, execId, this.#leaving.signal);
    } catch (error) {
      // Without its container or its shim there is nothing left to delete.
      if (hasCode(error, Code.NotFound) || hasCode(error, Code.Unavailable)) return;
      const { message } = error as Error;
      log("warn", "exec is left in its shim", { containerId, execId, error: message });
    } finally {
      this.#leaving.abort(); // a wait that nobody answers any more
    }
  }

  /** Settles when the process has ended; false when the shim never knew it. */
  async #stop(): Promise<boolean> {
    const { containerId, execId, service, log } = this.plan;
    let pid: number;
    try {
      pid = await this.started;
    } catch (error) {
      // Registered perhaps; deleting tells.
      return !hasCode(error, Code.Unavailable) && !hasCode(error, Code.Canceled);
    }
    if (this.#hasEnded) return true;
    try {
      killGroup(service, pid, containerId);
      await service.tasks.kill({ id: containerId, execId, signal: 9 }, this.#leaving.signal);
    } catch (error) {
      const { message } = error as Error;
      if (!hasCode(error, Code.NotFound)) log("warn", "exec is not killed", { containerId, execId, error: message });
    }
    await this.exit;
    return true;
  }
}
