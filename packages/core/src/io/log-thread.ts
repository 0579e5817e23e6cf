import { closeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";
import { makeDescriptorLedger, openDescriptors } from "@crib/linux";

import type { FromLogWorker, LogCall, OutputName, ToLogWorker } from "./worker/messages.ts";

const source = new URL(import.meta.url.endsWith(".ts") ? "./log-worker.ts" : "./log-worker.js", import.meta.url);
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
/** A thread that dies within this time of its start is started again only after it. */
const calmMs = 1_000;

/** What the thread tells without being asked. */
export interface LogThreadEvents {
  readonly output: (id: string, name: OutputName, bytes: Uint8Array) => void;
  readonly ended: (id: string) => void;
  readonly note: (level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** The thread has died and there is a new one, which has nothing open. */
  readonly restarted: () => void;
}

interface Pending {
  readonly call: LogCall;
  readonly resolve: () => void;
  readonly reject: (error: StatusError) => void;
}

/** The thread that copies the outputs of containers. It keeps the process alive only while it is asked something, or has clients. */
export class LogThread {
  readonly #events: LogThreadEvents;
  readonly #pending = new Map<number, Pending>();
  readonly #tapped = new Set<string>();
  #worker: Worker | undefined;
  #restarting: Promise<void> | undefined;
  #lastNumber = 0;
  #isEnding = false;

  constructor(events: LogThreadEvents) {
    this.#events = events;
  }

  /** Starts the thread, which takes some 50 ms, if it does not run. Calls start it as well, and wait for it. */
  start(): void {
    if (this.#worker !== undefined || this.#isEnding || this.#restarting !== undefined) return;
    const startedMs = performance.now();
    const ledger = makeDescriptorLedger();
    // Sockets close the descriptors that were opened for them; Node would not notice, and close others' at the thread's end.
    const trackUnmanagedFds = false;
    const worker = new Worker(source, {
      execArgv: [],
      env: {},
      resourceLimits,
      workerData: { ledger },
      trackUnmanagedFds,
    });
    let death = "it has ended";
    this.#worker = worker;
    worker.on("message", (message: FromLogWorker) => this.#take(message));
    worker.on("error", (error: Error) => (death = error.message));
    worker.once("exit", () => {
      // The thread is gone, so nobody can use or close these any more.
      for (const fd of openDescriptors(ledger)) closeSync(fd);
      this.#bury(death);
      if (!this.#isEnding) this.#restarting = this.#restart(startedMs + calmMs - performance.now());
    });
    // Last, since a listener keeps the process alive as well.
    this.#hold();
  }

  /** Has a call carried out. Its errors; Unavailable when the thread dies before it answers, or has ended. */
  async call(call: LogCall): Promise<void> {
    await this.#restarting;
    this.start();
    const worker = this.#worker;
    if (worker === undefined) throw unavailable("it has ended");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    this.#pending.set(number, { call, resolve, reject });
    this.#hold();
    this.#post({ kind: "call", number, call });
    await promise;
  }

  /** Whether clients want the container's output as well. */
  tap(id: string, isOn: boolean): void {
    if (isOn) this.#tapped.add(id);
    else this.#tapped.delete(id);
    this.#hold();
    this.#post({ kind: "tap", id, isOn });
  }

  /** Clients have taken so many bytes of output. */
  taken(id: string, bytes: number): void {
    this.#post({ kind: "taken", id, bytes });
  }

  /** Has everything that was read written, and the thread end. Call it once. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#isEnding = true;
    if (worker === undefined) return;
    const exited = new Promise((resolve) => worker.once("exit", resolve));
    await this.call({ kind: "end" });
    await exited;
  }

  /** Keeps the process alive, or does not. */
  #hold(): void {
    if (this.#pending.size > 0 || this.#tapped.size > 0 || this.#isEnding) this.#worker?.ref();
    else this.#worker?.unref();
  }

  #post(message: ToLogWorker): void {
    this.#worker?.postMessage(message, []);
  }

  #take(message: FromLogWorker): void {
    if (message.kind === "output") this.#events.output(message.id, message.name, message.bytes);
    else if (message.kind === "ended") this.#events.ended(message.id);
    else if (message.kind === "note") this.#events.note(message.level, message.message, message.fields);
    else this.#settle(message);
  }

  #settle(message: FromLogWorker & { readonly kind: "done" | "failed" }): void {
    const pending = this.#pending.get(message.number);
    this.#pending.delete(message.number);
    this.#hold();
    if (message.kind === "done") pending?.resolve();
    else pending?.reject(new StatusError(message.code, message.message));
  }

  #bury(death: string): void {
    this.#worker = undefined;
    for (const { call, resolve, reject } of this.#pending.values()) {
      // What is to be closed is, with the thread.
      if (call.kind === "close" || call.kind === "end") resolve();
      else reject(unavailable(death));
    }
    this.#pending.clear();
    if (!this.#isEnding) this.#events.note("warn", "thread that writes container logs has died", { error: death });
  }

  async #restart(waitMs: number): Promise<void> {
    await delay(Math.max(0, waitMs));
    this.#restarting = undefined;
    this.start();
    if (this.#worker !== undefined) this.#events.restarted();
  }
}

function unavailable(why: string): StatusError {
  return new StatusError(Code.Unavailable, `asking the thread that writes container logs: ${why}`);
}
