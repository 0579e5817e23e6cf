import { closeSync, constants } from "node:fs";
import { Socket } from "node:net";

import type { StatusError } from "@crib/errdefs";
import { openFifoReader } from "@crib/linux";
import { openFifo } from "@crib/linux/fifos";

import { settlesWithin } from "../../exec/process/settles-within.ts";
import { ByteSource } from "./byte-source.ts";
import { keepStream } from "./keep-stream.ts";
import type { PeerStream } from "./peer-stream.ts";
import { receiveBytes } from "./receive-bytes.ts";
import { sendBytes } from "./send-bytes.ts";

/** How long the rest of the output of a process that has ended may take, in milliseconds: its container goes in less. */
const lingerMs = 30_000;

/** How long what is on its way may take when the daemon ends, in milliseconds. */
const leaveMs = 500;

/** What a bridge is made of. */
export interface BridgeOptions {
  /** Of the FIFO. */
  readonly path: string;
  /** Opens the stream, again when it was cut. */
  readonly connect: (signal: AbortSignal) => Promise<PeerStream>;
  /** One that is open already. */
  readonly first?: PeerStream | undefined;
  /** Told when the stream is given up although the process may run. */
  readonly refused: (why: StatusError) => void;
}

/** Copies between a FIFO of this host and a stream of a pod's task service, until either ends. */
export abstract class Bridge {
  /** Settles, and never rejects, when it has ended and nothing of it is left. */
  abstract readonly done: Promise<void>;
  protected readonly stopping = new AbortController();
  protected readonly finished = new AbortController();

  /** Ends it at once. Idempotent. */
  stop(): void {
    this.stopping.abort();
  }

  /** The process has ended: what is still to come has some time, and a stream that is cut is not opened again. */
  finish(): void {
    this.finished.abort();
    setTimeout(() => this.stop(), lingerMs).unref();
  }

  /** Ends it for another daemon to go on: what is on its way is still copied. */
  async leave(): Promise<void> {
    this.stop();
    await this.done;
  }
}

/** Copies the output of a process to a FIFO, whose reader sees its end when the stream ends. */
export class OutputBridge extends Bridge {
  readonly done: Promise<void>;
  readonly #fifo: Socket;
  readonly #leaving = new AbortController();

  /**
   * Opens the FIFO at once. With `isHeld` its reader may come and go: what it has not read waits for the next. Else the bridge ends with its
   * reader, which must be there. Errors of the FIFO.
   */
  constructor(options: BridgeOptions, isHeld: boolean) {
    super();
    const fd = openFifo(options.path, isHeld ? constants.O_RDWR : constants.O_WRONLY);
    this.#fifo = new Socket({ fd, readable: false, writable: true });
    this.#fifo.on("error", () => this.stop()).on("close", () => this.stop());
    this.stopping.signal.addEventListener("abort", () => this.#fifo.destroy());
    this.done = this.#copy(options);
  }

  override async leave(): Promise<void> {
    this.finished.abort();
    this.#leaving.abort();
    await settlesWithin(this.done, leaveMs);
    await super.leave();
  }

  async #copy(options: BridgeOptions): Promise<void> {
    const { signal } = this.stopping;
    await keepStream({ ...options, signal, finished: this.finished.signal }, async (stream) => {
      const close = (): void => void stream.close();
      signal.addEventListener("abort", close);
      try {
        await receiveBytes(stream, (bytes) => this.#write(bytes), this.#leaving.signal);
      } finally {
        signal.removeEventListener("abort", close);
      }
    });
    this.stop();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // The error ends the bridge.
    await new Promise<void>((resolve) => this.#fifo.write(bytes, () => resolve()));
  }
}

/** Copies a FIFO to the input of a process, which ends when the FIFO has had a writer and its last one closes. */
export class InputBridge extends Bridge {
  readonly done: Promise<void>;
  readonly #path: string;
  readonly #source: ByteSource;

  /** Opens the FIFO at once. Errors of the FIFO. */
  constructor(options: BridgeOptions) {
    super();
    this.#path = options.path;
    this.#source = new ByteSource(openFifoReader(options.path));
    this.done = this.#copy(options);
  }

  /** Settles when the peer has all that was written. To be called when nobody writes any more, also when nobody ever has. */
  async drained(): Promise<void> {
    if (!this.stopping.signal.aborted) {
      // A writer that comes and goes makes an end where there was none.
      closeSync(openFifo(this.#path, constants.O_WRONLY));
    }
    await this.done;
  }

  async #copy(options: BridgeOptions): Promise<void> {
    const { signal } = this.stopping;
    const over = AbortSignal.any([signal, this.finished.signal]);
    using source = this.#source;
    await keepStream({ ...options, signal, finished: this.finished.signal }, (stream) =>
      sendBytes(stream, source, over),
    );
    this.stop();
  }
}
