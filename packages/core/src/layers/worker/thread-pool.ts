import { Code, StatusError } from "@crib/errdefs";

import { JobCells } from "./job-cells.ts";
import { LayerThread, patienceMs } from "./layer-thread.ts";
import type { JobRequest, JobResults } from "./messages.ts";

/** A job that was begun. */
export interface RunningJob<T> {
  readonly cells: JobCells;
  /** Says that the shared memory has changed in a way that the job may wait for. */
  wake(): void;
  /** Settles when the job has ended and does nothing any more. */
  readonly done: Promise<T>;
}

/** Threads for jobs, started when there is something to do and ended when there has been nothing for a while. */
export class ThreadPool {
  readonly #threads: LayerThread[] = [];
  readonly #limit: number;
  readonly #idleMs: number;
  #expiry: NodeJS.Timeout | undefined;

  constructor(limit: number, idleMs: number) {
    this.#limit = limit;
    this.#idleMs = idleMs;
  }

  /** Has a thread there for the next job. */
  warm(): void {
    this.#pick();
    this.#expect();
  }

  /** Begins a job on the thread that has the fewest. `signal` ends it, with Canceled. */
  run<Kind extends JobRequest["kind"]>(
    request: JobRequest & { readonly kind: Kind },
    signal: AbortSignal,
  ): RunningJob<JobResults[Kind]> {
    const cells = new JobCells();
    if (signal.aborted) return { cells, wake: () => undefined, done: Promise.reject(cancelled(request.kind, signal)) };
    const thread = this.#pick();
    const { promise, resolve, reject } = Promise.withResolvers<JobResults[JobRequest["kind"]]>();
    const id = thread.start(request, cells, { resolve, reject });
    const cancel = (): void => this.#cancel(thread, id, cells);
    signal.addEventListener("abort", cancel, { once: true });
    const done = promise.finally(() => {
      signal.removeEventListener("abort", cancel);
      this.#expect();
    });
    return { cells, wake: () => thread.wake(id), done: done as Promise<JobResults[Kind]> };
  }

  /** Ends all threads, whose jobs should have been cancelled. */
  async end(): Promise<void> {
    clearTimeout(this.#expiry);
    await Promise.all(this.#threads.map(async (thread) => await thread.end()));
  }

  #pick(): LayerThread {
    const [least] = this.#threads.filter(({ isAlive }) => isAlive).toSorted((a, b) => a.jobCount - b.jobCount);
    if (least !== undefined && (least.jobCount === 0 || this.#threads.length >= this.#limit)) return least;
    const thread: LayerThread = new LayerThread(() => this.#threads.splice(this.#threads.indexOf(thread), 1));
    this.#threads.push(thread);
    return thread;
  }

  #cancel(thread: LayerThread, id: number, cells: JobCells): void {
    cells.cancel();
    thread.wake(id);
    const late = setTimeout(() => {
      // Others must not lose their work; a call that is stuck in the kernel could not be ended anyway.
      if (thread.has(id) && thread.jobCount === 1) void thread.kill();
    }, patienceMs);
    late.unref();
  }

  /** Ends idle threads after a while in which no job ended. */
  #expect(): void {
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => {
      for (const thread of this.#threads) if (thread.jobCount === 0) void thread.end();
    }, this.#idleMs);
    this.#expiry.unref();
  }
}

function cancelled(kind: string, signal: AbortSignal): StatusError {
  return new StatusError(Code.Canceled, `working on layers: "${kind}" was cancelled`, { cause: signal.reason });
}
