import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";

import { toKernelIdentity } from "../../tasks/process-identity.ts";
import type { TaskService, TaskServices } from "../../tasks/types.ts";
import { type TaskEnd, taskEnd } from "./task-end.ts";

/** How often a shim that does not answer is dialled again, in milliseconds. */
const redialMs = 500;

/** What the watch over tasks is made of. */
export interface TaskExitsOptions {
  readonly services: Pick<TaskServices, "of">;
  /** Told of each end, once, unless the watch was closed before. */
  readonly ended: (id: string, end: TaskEnd) => void;
}

interface Watch {
  readonly promise: Promise<TaskEnd>;
  readonly resolve: (end: TaskEnd) => void;
  readonly leaving: AbortController;
  end?: TaskEnd;
}

/** Knows how tasks end: by one waiting call each, and by the loss of the connection that it goes over. */
export class TaskExits {
  readonly #options: TaskExitsOptions;
  readonly #watches = new Map<string, Watch>();
  #isClosed = false;

  constructor(options: TaskExitsOptions) {
    this.#options = options;
  }

  /** Begins to wait for a task that is there. Does nothing for one that is watched. */
  arm(id: string, service: TaskService): void {
    if (this.#watches.has(id) || this.#isClosed) return;
    const { promise, resolve } = Promise.withResolvers<TaskEnd>();
    const watch: Watch = { promise, resolve, leaving: new AbortController() };
    this.#watches.set(id, watch);
    void this.#follow(id, watch, service);
  }

  /** The end, when it is known. */
  end(id: string): TaskEnd | undefined {
    return this.#watches.get(id)?.end;
  }

  isArmed(id: string): boolean {
    return this.#watches.has(id);
  }

  /** Settles with the end of a task; never for one that is not watched. */
  wait(id: string): Promise<TaskEnd> {
    return this.#watches.get(id)?.promise ?? new Promise(() => {});
  }

  /** Says how a task has ended when its shim does not. The first word counts. */
  settle(id: string, end: TaskEnd): void {
    const watch = this.#watches.get(id);
    if (!watch || watch.end) return;
    watch.end = end;
    watch.leaving.abort(new StatusError(Code.Canceled, `waiting for container "${id}": its end is known`));
    watch.resolve(end);
    if (!this.#isClosed) this.#options.ended(id, end);
  }

  forget(id: string): void {
    const watch = this.#watches.get(id);
    this.#watches.delete(id);
    watch?.leaving.abort(new StatusError(Code.Canceled, `waiting for container "${id}": nobody asks any more`));
  }

  /** Tells of nothing any more. */
  close(): void {
    this.#isClosed = true;
    for (const id of this.#watches.keys()) this.forget(id);
  }

  async #follow(id: string, { leaving: { signal } }: Watch, first: TaskService): Promise<void> {
    let service: TaskService | undefined = first;
    while (service) {
      let end: TaskEnd | undefined;
      try {
        end = taskEnd(await service.tasks.wait(id, "", signal));
      } catch (reason) {
        if (signal.aborted) return;
        // Any answer but a lost connection comes from a shim that lives and knows no such task.
        if (!hasCode(reason, Code.Unavailable)) end = { kind: "lost", why: StatusError.from(reason).message };
      }
      if (end) return this.settle(id, end);
      service = await this.#again(id, service, signal);
    }
  }

  /** A new connection to the shim of a lost one; none when it has died, which is told. */
  async #again(id: string, { sandboxId, process }: TaskService, signal: AbortSignal): Promise<TaskService | undefined> {
    while (!signal.aborted && !this.#isClosed) {
      if (process && !isProcessAlive(toKernelIdentity(process))) {
        this.settle(id, { kind: "lost", why: `its shim, process ${process.pid}, has died` });
        return undefined;
      }
      try {
        return await this.#options.services.of(sandboxId, signal);
      } catch (reason) {
        if (hasCode(reason, Code.NotFound) || hasCode(reason, Code.FailedPrecondition)) {
          this.settle(id, { kind: "lost", why: StatusError.from(reason).message });
          return undefined;
        }
        // The daemon closes its connections: the container goes on without it.
        if (hasCode(reason, Code.Canceled)) return undefined;
      }
      await delay(redialMs, undefined, { signal, ref: false }).catch(() => {}); // the loop sees the abort
    }
    return undefined;
  }
}
