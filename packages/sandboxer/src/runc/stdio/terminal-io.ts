import { closeSync } from "node:fs";
import { Socket } from "node:net";

import { Code, StatusError } from "@crib/errdefs";
import { closeHeldReader, openFifoEnds, TerminalMaster, type TerminalSize } from "@crib/linux";

import { ConsoleSocket } from "./console-socket.ts";
import { streamTarget } from "./stream-target.ts";
import type { IoRequest, ProcessIo } from "./types.ts";

/** How long the terminal may be under way once the runtime has returned, which is after it was sent. */
const terminalTimeoutMs = 10_000;

/** Streams of a process with a terminal: its master is here, and is copied from and to the client's FIFOs. `stderr` has no meaning. */
export async function openTerminalIo(request: IoRequest, directory: string): Promise<ProcessIo> {
  using opened = new DisposableStack();
  const output = opened.use(new OutputFifo(request.stdout));
  const input = opened.use(new InputFifo(request.stdin));
  const socket = opened.use(await ConsoleSocket.listen(directory));
  opened.move();
  return new TerminalIo(socket, input, output);
}

class TerminalIo implements ProcessIo {
  readonly fds = undefined;
  readonly #socket: ConsoleSocket;
  readonly #input: InputFifo;
  readonly #output: OutputFifo;
  readonly #ended = new AbortController();
  #terminal: TerminalMaster | undefined;

  constructor(socket: ConsoleSocket, input: InputFifo, output: OutputFifo) {
    this.#socket = socket;
    this.#input = input;
    this.#output = output;
  }

  get consoleSocket(): string {
    return this.#socket.path;
  }

  async started(signal: AbortSignal): Promise<void> {
    using _ = this.#socket;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(terminalTimeoutMs), this.#ended.signal]);
    let fd: number;
    try {
      fd = await this.#socket.receive(deadline);
    } catch (error) {
      throw StatusError.from(error, "waiting for the terminal of a process");
    }
    const terminal = new TerminalMaster(fd);
    if (this.#ended.signal.aborted) return terminal.close();
    this.#terminal = terminal;
    this.#output.copyFrom(terminal);
    void this.#input.copyTo(terminal, this.#ended.signal);
  }

  closeStdin(): void {
    this.#input.close();
  }

  resize(size: TerminalSize): void {
    if (this.#terminal === undefined) {
      throw new StatusError(Code.FailedPrecondition, "resizing a terminal: the process has not been started");
    }
    this.#terminal.resize(size);
  }

  drained(): Promise<void> {
    return this.#terminal === undefined ? Promise.resolve() : this.#output.ended;
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new StatusError(Code.Canceled, "using a terminal: its process is gone"));
    this.#socket[Symbol.dispose]();
    this.#terminal?.close();
    this.#input[Symbol.dispose]();
    this.#output[Symbol.dispose]();
  }
}

function fifoPath(text: string): string | undefined {
  const target = streamTarget(text);
  if (target.kind === "none") return undefined;
  if (target.kind === "fifo") return target.path;
  throw new StatusError(Code.Unimplemented, `opening stream "${text}": a terminal needs a FIFO`);
}

/** What the client types. */
class InputFifo implements Disposable {
  readonly #open = new DisposableStack();
  readonly #writers = new DisposableStack();
  readonly #stream: Socket | undefined;

  constructor(text: string) {
    const path = fifoPath(text);
    if (path === undefined) return;
    const { readFd, writeFd } = openFifoEnds(path);
    // Held so that a client may come, go and come again.
    this.#open.use(this.#writers).adopt(writeFd, closeSync);
    const stream = new Socket({ fd: readFd, readable: true, writable: false });
    this.#stream = stream;
    this.#open.defer(() => stream.destroy());
  }

  /** Ends quietly with the input or the terminal, whichever is first. */
  async copyTo(terminal: TerminalMaster, signal: AbortSignal): Promise<void> {
    try {
      for await (const chunk of this.#stream ?? []) await terminal.write(chunk as Buffer, signal);
    } catch {
      // The terminal is closed; what is typed has nowhere to go, and a client that goes on finds its FIFO full.
    }
  }

  close(): void {
    this.#writers.dispose();
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }
}

/** What the client sees. */
class OutputFifo implements Disposable {
  readonly #open = new DisposableStack();
  readonly #stream: Socket | undefined;
  readonly #ended = Promise.withResolvers<void>();

  constructor(text: string) {
    const path = fifoPath(text);
    if (path === undefined) return;
    const { readFd, writeFd } = openFifoEnds(path);
    // Held so that a client that is away loses nothing.
    this.#open.adopt(readFd, closeHeldReader);
    const stream = new Socket({ fd: writeFd, readable: false, writable: true });
    this.#stream = stream;
    stream.on("error", () => undefined);
    stream.once("close", () => this.#ended.resolve());
    this.#open.defer(() => stream.destroy());
  }

  /** Settles when all output has been written and the FIFO is closed for writing, which is the client's end of it. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  copyFrom({ output }: TerminalMaster): void {
    const stream = this.#stream;
    if (stream === undefined) {
      output.once("close", () => this.#ended.resolve());
      output.resume();
      return;
    }
    output.pipe(stream, { end: false });
    output.once("close", () => stream.end());
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
    this.#ended.resolve();
  }
}
