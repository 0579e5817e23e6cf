import { closeSync } from "node:fs";
import { Worker } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";
import { makeDescriptorLedger, openDescriptors } from "@crib/linux";

import type { JobCells } from "./job-cells.ts";
import type { FromWorker, JobRequest, JobResults, ToWorker } from "./messages.ts";

type Result = JobResults[JobRequest["kind"]];

interface Pending {
  readonly cells: JobCells;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: StatusError) => void;
}

const source = new URL(import.meta.url.endsWith(".ts") ? "../layer-worker.ts" : "./layer-worker.js", import.meta.url);
/** What a layer holds beside its buffers is bounded (headers, names of directories): together far less than this. */
const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };

/** How long jobs that were cancelled may take to end by themselves. */
export const patienceMs = 2_000;

/**
 * A worker thread that runs several jobs by turns; those that wait for bytes take none of its time. It keeps the process alive only
 * while it has jobs. When it dies, by its memory limit for one, its jobs fail with Internal and its descriptors are closed.
 */
export class LayerThread {
  readonly #ledger = makeDescriptorLedger();
  readonly #jobs = new Map<number, Pending>();
  readonly #worker: Worker;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #death: Error | undefined;
  #lastId = 0;
  #isAlive = true;

  constructor(onEnd: () => void) {
    this.#worker = new Worker(source, { execArgv: [], env: {}, resourceLimits, workerData: { ledger: this.#ledger } });
    this.#worker.on("message", (message: FromWorker) => this.#settle(message));
    this.#worker.on("error", (error: Error) => (this.#death = error));
    this.#worker.once("exit", () => {
      this.#bury();
      onEnd();
    });
    // Last, since a listener keeps the process alive as well.
    this.#worker.unref();
  }

  get jobCount(): number {
    return this.#jobs.size;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Begins a job. Gives its number. */
  start(request: JobRequest, cells: JobCells, settle: Omit<Pending, "cells">): number {
    this.#lastId += 1;
    const id = this.#lastId;
    if (this.#jobs.size === 0) this.#worker.ref();
    this.#jobs.set(id, { cells, ...settle });
    this.#post({ kind: "start", id, request, shared: cells.shared });
    return id;
  }

  /** Has a job look at its shared memory. Of no effect when it has ended. */
  wake(id: number): void {
    if (this.#jobs.has(id)) this.#post({ kind: "wake", id });
  }

  has(id: number): boolean {
    return this.#jobs.has(id);
  }

  /**
   * Lets the thread end when its jobs, which should have been cancelled, have ended, and ends it after a while if they have not. Settles when
   * it is gone, which a call that is stuck in the kernel delays.
   */
  async end(): Promise<void> {
    this.#isAlive = false;
    await this.#ready.promise;
    this.#post({ kind: "end" });
    const late = setTimeout(() => void this.kill(), patienceMs);
    await this.#ended.promise;
    clearTimeout(late);
  }

  /** Ends the thread, whatever it does. Settles when it is gone. */
  async kill(): Promise<void> {
    this.#isAlive = false;
    // A thread that is ended while it loads koffi takes the process along (koffi 3.3, N-API: a failed throw is fatal).
    await this.#ready.promise;
    await this.#worker.terminate();
    await this.#ended.promise;
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #take(id: number): Pending | undefined {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (this.#jobs.size === 0) this.#worker.unref();
    return job;
  }

  #settle(message: FromWorker): void {
    if (message.kind === "ready") return this.#ready.resolve();
    const job = this.#take(message.id);
    if (message.kind === "done") job?.resolve(message.result);
    else job?.reject(new StatusError(message.code, message.message));
  }

  #bury(): void {
    this.#isAlive = false;
    // The thread is gone, so nobody can use or close these any more.
    for (const fd of openDescriptors(this.#ledger)) closeSync(fd);
    for (const [id, { cells, reject }] of this.#jobs) {
      this.#jobs.delete(id);
      const why = this.#death === undefined ? "its thread has ended" : `its thread has died: ${this.#death.message}`;
      const code = cells.isCancelled ? Code.Canceled : Code.Internal;
      reject(new StatusError(code, `working on layers: ${why}`, { cause: this.#death }));
    }
    this.#ready.resolve();
    this.#ended.resolve();
  }
}
