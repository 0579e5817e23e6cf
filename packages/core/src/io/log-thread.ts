import { Worker } from "node:worker_threads";

import { Code, StatusError } from "@crib/errdefs";

import type { FromLogWorker, LogCall, OutputName, ToLogWorker } from "./worker/messages.ts";

const source = new URL(import.meta.url.endsWith(".ts") ? "./log-worker.ts" : "./log-worker.js", import.meta.url);
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 };
/** A thread that dies again within this time is started again only after it. */
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
  readonly resolve: () => void;
  readonly reject: (error: StatusError) => void;
}

/** The thread that copies the outputs of containers. It keeps the process alive only while it is asked something. */
export class LogThread {
  readonly #events: LogThreadEvents;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #lastNumber = 0;
  #startedMs = 0;
  #isEnding = false;
  #death = "it has ended";

  constructor(events: LogThreadEvents) {
    this.#events = events;
  }

  /** Starts the thread, which takes some 50 ms, if it does not run. Calls start it as well, and wait for it. */
  start(): void {
    if (this.#worker !== undefined || this.#isEnding || this.#restart !== undefined) return;
    this.#startedMs = performance.now();
    // Sockets close the descriptors that were opened for them, which Node would not notice, and close others' at the thread's end.
    const worker = new Worker(source, { execArgv: [], env: {}, resourceLimits, trackUnmanagedFds: false });
    this.#worker = worker;
    worker.on("message", (message: FromLogWorker) => this.#take(message));
    worker.on("error", (error: Error) => (this.#death = error.message));
    worker.once("exit", () => this.#bury());
    // Last, since a listener keeps the process alive as well.
    worker.unref();
  }

  /** Has a call carried out. Its errors; Unavailable when the thread dies before it answers. */
  async call(call: LogCall): Promise<void> {
    this.start();
    const worker = this.#worker;
    if (worker === undefined) throw this.#unavailable();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    if (this.#pending.size === 0) worker.ref();
    this.#pending.set(number, { resolve, reject });
    this.#post({ kind: "call", number, call });
    await promise;
  }

  /** Whether clients want the container's output as well. */
  tap(id: string, isOn: boolean): void {
    this.#post({ kind: "tap", id, isOn });
  }

  /** Clients have taken so many bytes of output. */
  taken(id: string, bytes: number): void {
    this.#post({ kind: "taken", id, bytes });
  }

  /** Has everything that was read written, and the thread end. Idempotent. */
  async end(): Promise<void> {
    const worker = this.#worker;
    clearTimeout(this.#restart);
    if (this.#isEnding || worker === undefined) {
      this.#isEnding = true;
      return;
    }
    const exited = new Promise((resolve) => worker.once("exit", resolve));
    const ended = this.call({ kind: "end" });
    this.#isEnding = true;
    await ended;
    await exited;
  }

  #post(message: ToLogWorker): void {
    this.#worker?.postMessage(message, []);
  }

  #take(message: FromLogWorker): void {
    if (message.kind === "output") this.#events.output(message.id, message.name, message.bytes);
    else if (message.kind === "ended") this.#events.ended(message.id);
    else if (message.kind === "note") this.#events.note(message.level, message.message, message.fields);
    else if (message.kind !== "ready") this.#settle(message);
  }

  #settle(message: FromLogWorker & { readonly kind: "done" | "failed" }): void {
    const pending = this.#pending.get(message.number);
    this.#pending.delete(message.number);
    if (this.#pending.size === 0) this.#worker?.unref();
    if (message.kind === "done") pending?.resolve();
    else pending?.reject(new StatusError(message.code, message.message));
  }

  #bury(): void {
    this.#worker = undefined;
    const error = this.#unavailable();
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    if (this.#isEnding) return;
    this.#events.note("warn", "thread that writes container logs has died", { error: this.#death });
    const waitMs = Math.max(0, this.#startedMs + calmMs - performance.now());
    this.#restart = setTimeout(() => {
      this.#restart = undefined;
      this.start();
      this.#events.restarted();
    }, waitMs);
  }

  #unavailable(): StatusError {
    return new StatusError(Code.Unavailable, `asking the thread that writes container logs: ${this.#death}`);
  }
}
