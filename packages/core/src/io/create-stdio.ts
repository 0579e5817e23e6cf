import { Code, StatusError } from "@crib/errdefs";

import type { StdinFifo } from "./attach/stdin-fifo.ts";
import { ContainerStreams, type StreamsContext } from "./container-streams.ts";
import { type FifoChoice, fifoPaths, makeFifos, removeFifos } from "./fifos.ts";
import { LogThread } from "./log-thread.ts";
import type { ContainerStdio, Stdio, StdioRequest } from "./types.ts";
import type { CopyRequest } from "./worker/messages.ts";

/** How the streams of a daemon's containers are kept. */
export interface StdioOptions {
  /** Takes what the rest of the program should know: lost output, once a minute per container, and a thread that died. */
  readonly log: (level: "info" | "warn", message: string, fields: Readonly<Record<string, unknown>>) => void;
  /**
   * Called once when a container's input has ended (`stdinOnce`): a shim holds the FIFO's writing end itself, until it is told to close it
   * (CloseIO). A rejection is logged.
   */
  readonly endStdin?: (id: string) => Promise<void>;
  /** Whether the thread is started with the first container only. Default false: a container that starts does not wait for it. */
  readonly isLazy?: boolean;
}

class ThreadedStdio implements Stdio {
  readonly #options: StdioOptions;
  readonly #thread: LogThread;
  readonly #context: StreamsContext;
  /** Open, or about to be. */
  readonly #streams = new Map<string, ContainerStreams>();
  #closing: Promise<void> | undefined;

  constructor(options: StdioOptions) {
    this.#options = options;
    this.#thread = new LogThread({
      output: (id, name, bytes) => void this.#streams.get(id)?.take(name, bytes),
      ended: (id) => this.#streams.get(id)?.end(),
      note: options.log,
      restarted: () => this.#openAgain(),
    });
    this.#context = {
      thread: this.#thread,
      endStdin: (id, fifo) => void this.#endStdin(id, fifo),
      forget: (id) => this.#streams.delete(id),
    };
    if (options.isLazy !== true) this.#thread.start();
  }

  async open(request: StdioRequest, signal: AbortSignal): Promise<ContainerStdio> {
    this.#check(request, signal);
    const fifos = choose(request);
    const paths = makeFifos(fifos);
    try {
      return await this.#copy(new ContainerStreams(request, fifos, paths, this.#context), false, signal);
    } catch (error) {
      removeFifos(fifos);
      throw error;
    }
  }

  async adopt(request: StdioRequest, signal: AbortSignal): Promise<ContainerStdio> {
    this.#check(request, signal);
    const fifos = choose(request);
    return await this.#copy(new ContainerStreams(request, fifos, fifoPaths(fifos), this.#context), true, signal);
  }

  find(id: string): ContainerStdio | undefined {
    return this.#streams.get(id);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #check({ id }: StdioRequest, signal: AbortSignal): void {
    signal.throwIfAborted();
    const doing = `opening the streams of container "${id}"`;
    if (this.#closing !== undefined) throw new StatusError(Code.Unavailable, `${doing}: they are being closed`);
    if (this.#streams.has(id)) throw new StatusError(Code.AlreadyExists, `${doing}: they are open`);
  }

  async #copy(streams: ContainerStreams, isAdopted: boolean, signal: AbortSignal): Promise<ContainerStdio> {
    const { id } = streams.request;
    this.#streams.set(id, streams);
    try {
      const opening = this.#thread.call({ kind: "open", request: copyRequest(streams, isAdopted, isAdopted) });
      await abortable(opening, signal);
      return streams;
    } catch (error) {
      this.#streams.delete(id);
      // It may open them yet, on a slow disk; what follows comes after that.
      this.#thread.call({ kind: "close", id }).catch(() => undefined);
      throw StatusError.from(error, `opening the streams of container "${id}"`);
    }
  }

  /** The thread has died: what it had open is opened anew. */
  #openAgain(): void {
    for (const [id, streams] of this.#streams) {
      this.#thread.call({ kind: "open", request: copyRequest(streams, true, false) }).then(
        () => streams.tapAgain(),
        (error: unknown) => {
          const why = StatusError.from(error).message;
          this.#options.log("warn", "output of a container could not be read on", { containerId: id, error: why });
        },
      );
    }
  }

  async #endStdin(id: string, fifo: StdinFifo): Promise<void> {
    try {
      if (!(await fifo.end())) return;
      await this.#options.endStdin?.(id);
    } catch (error) {
      const why = StatusError.from(error).message;
      this.#options.log("warn", "input of a container could not be ended", { containerId: id, error: why });
    }
  }

  async #close(): Promise<void> {
    for (const streams of this.#streams.values()) streams.detach();
    await this.#thread.end();
    this.#streams.clear();
  }
}

/** Waits no longer than `signal` lets it; then rejects with its reason. */
async function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort);
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function choose({ dir, stdin, tty }: StdioRequest): FifoChoice {
  return { dir, stdin, stdout: true, stderr: !tty };
}

function copyRequest(streams: ContainerStreams, isMended: boolean, isAdopted: boolean): CopyRequest {
  const { id, log } = streams.request;
  const fifos = (["stdout", "stderr"] as const)
    .map((name) => ({ name, path: streams.paths[name] }))
    .filter(({ path }) => path !== "");
  return { id, fifos, isMended, isAdopted, ...(log !== undefined && { log }) };
}

/** Begins to keep the streams of containers, with a thread that copies their output. */
export function createStdio(options: StdioOptions): Stdio {
  return new ThreadedStdio(options);
}
