import { setTimeout as delay } from "node:timers/promises";

import { StatusError } from "@crib/errdefs";

import { AttachedClient } from "./attach/attached-client.ts";
import { pumpStdin } from "./attach/pump-stdin.ts";
import { StdinFifo } from "./attach/stdin-fifo.ts";
import { type FifoChoice, removeFifos } from "./fifos.ts";
import type { LogThread } from "./log-thread.ts";
import type { AttachStreams, ContainerStdio, StdioPaths, StdioRequest } from "./types.ts";
import type { OutputName } from "./worker/messages.ts";

/** What a container's streams need of the rest. */
export interface StreamsContext {
  readonly thread: LogThread;
  /** The process's input is to end: here, and at the shim, which holds its FIFO open too. */
  readonly endStdin: (id: string, fifo: StdinFifo) => void;
  readonly forget: (id: string) => void;
}

/** The main thread's side of a container's standard streams. */
export class ContainerStreams implements ContainerStdio {
  readonly paths: StdioPaths;
  readonly request: StdioRequest;
  readonly #fifos: FifoChoice;
  readonly #context: StreamsContext;
  readonly #clients = new Set<AttachedClient>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #stdin: StdinFifo | undefined;
  #hasEnded = false;
  #closing: Promise<void> | undefined;

  constructor(request: StdioRequest, fifos: FifoChoice, paths: StdioPaths, context: StreamsContext) {
    this.request = request;
    this.paths = paths;
    this.#fifos = fifos;
    this.#context = context;
    this.#stdin = paths.stdin === "" ? undefined : new StdinFifo(paths.stdin);
  }

  async reopenLog(): Promise<void> {
    await this.#context.thread.call({ kind: "reopen", id: this.request.id });
  }

  async attach(streams: AttachStreams, signal: AbortSignal): Promise<void> {
    if (this.#hasEnded || signal.aborted) return;
    const client = new AttachedClient(streams);
    const end = (): void => client.end();
    const stop = new AbortController();
    signal.addEventListener("abort", end);
    try {
      this.#add(client);
      if (streams.stdin !== undefined) {
        // What the process answers to the input is to reach the client.
        await this.heeded();
        this.#join(streams, client, stop.signal);
      }
      await client.done;
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort();
      this.#remove(client);
      // A client that is lost has no more input either.
      if (streams.stdin !== undefined) this.#endClientStdin();
    }
  }

  async heeded(): Promise<void> {
    if (this.#clients.size > 0) await this.#context.thread.call({ kind: "heed" });
  }

  async drained(timeoutMs: number): Promise<boolean> {
    if (this.#hasEnded) return true;
    const stop = new AbortController();
    const late = delay(timeoutMs, undefined, { signal: stop.signal }).catch(() => undefined);
    await Promise.race([this.#ended.promise, late]);
    stop.abort();
    return this.#hasEnded;
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** The thread has read something that clients want. */
  async take(name: OutputName, bytes: Uint8Array): Promise<void> {
    await Promise.all([...this.#clients].map(async (client) => await client.send(name, bytes)));
    this.#context.thread.taken(this.request.id, bytes.length);
  }

  /** The thread says that all outputs have ended. */
  end(): void {
    this.#hasEnded = true;
    this.#ended.resolve();
    for (const client of this.#clients) client.end();
  }

  /** A new thread copies now. */
  tapAgain(): void {
    if (this.#clients.size > 0) this.#context.thread.tap(this.request.id, true);
  }

  /** Ends clients and input, and leaves the FIFOs. */
  detach(): void {
    this.#stdin?.close();
    for (const client of this.#clients) client.end();
  }

  async #close(): Promise<void> {
    this.detach();
    try {
      await this.#context.thread.call({ kind: "close", id: this.request.id });
    } finally {
      this.#context.forget(this.request.id);
      removeFifos(this.#fifos);
      // Nothing more can come; whoever waits for the end need not wait longer.
      this.#ended.resolve();
    }
  }

  #add(client: AttachedClient): void {
    this.#clients.add(client);
    if (this.#clients.size === 1) this.#context.thread.tap(this.request.id, true);
  }

  #remove(client: AttachedClient): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#context.thread.tap(this.request.id, false);
  }

  #join(streams: AttachStreams, client: AttachedClient, signal: AbortSignal): void {
    const { stdin, stdout, stderr } = streams;
    const fifo = this.#stdin;
    const hasOutput = stdout !== undefined || stderr !== undefined;
    const end = (): void => {
      this.#endClientStdin();
      if (!hasOutput) client.end();
    };
    const write = async (bytes: Uint8Array): Promise<void> => {
      try {
        await fifo?.write(bytes);
      } catch (error) {
        client.end(StatusError.from(error, `writing to container "${this.request.id}"`));
      }
    };
    if (stdin !== undefined) pumpStdin(stdin, { write, end }, signal);
  }

  #endClientStdin(): void {
    if (!this.request.stdinOnce || this.#stdin === undefined || this.#hasEnded) return;
    this.#context.endStdin(this.request.id, this.#stdin);
  }
}
