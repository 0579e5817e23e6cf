import { ContainerLog, type LogShare } from "../log/container-log.ts";
import { RateLimit } from "../log/rate-limit.ts";
import { FifoReader, readBuffer } from "./fifo-reader.ts";
import type { CopyRequest, FromLogWorker, OutputName } from "./messages.ts";

/** Bytes that clients have not taken yet, from which on the container waits. */
const maximumUntakenBytes = 256 * 1024;

/** Copies the outputs of one container to its log and, while it has clients, to the main thread. */
export class ContainerCopy {
  readonly #id: string;
  readonly #log: ContainerLog | undefined;
  readonly #limit: RateLimit | undefined;
  readonly #readers = new Map<OutputName, FifoReader>();
  readonly #share: LogShare;
  readonly #tell: (message: FromLogWorker, transfer?: readonly ArrayBuffer[]) => void;
  #isTapped = false;
  #untakenBytes = 0;
  #limitTimer: NodeJS.Timeout | undefined;

  /** Leaves nothing open when it fails. */
  constructor(request: CopyRequest, share: LogShare, tell: (message: FromLogWorker) => void) {
    const { id, fifos, log, isMended, isAdopted } = request;
    this.#id = id;
    this.#share = share;
    this.#tell = tell;
    const names = fifos.map(({ name }) => name);
    this.#log = log === undefined ? undefined : new ContainerLog(id, log, names, isMended, share);
    this.#limit = log?.limit?.over === "block" ? new RateLimit(log.limit, performance.now()) : undefined;
    try {
      for (const { name, path } of fifos) {
        const end = (error?: Error): void => this.#end(name, error);
        this.#readers.set(name, new FifoReader({ id, path }, isAdopted, { read: (to) => this.#read(name, to), end }));
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.#schedule();
  }

  reopenLog(): void {
    this.#log?.reopen();
  }

  tap(isOn: boolean): void {
    this.#isTapped = isOn;
    this.#untakenBytes = 0;
    this.#schedule();
  }

  taken(bytes: number): void {
    this.#untakenBytes = Math.max(0, this.#untakenBytes - bytes);
    this.#schedule();
  }

  /** Has the container wait for the next daemon with what it writes, and even with its end. */
  seal(): void {
    for (const [name, reader] of this.#readers) {
      try {
        reader.seal();
      } catch (error) {
        const fields = { containerId: this.#id, output: name, error: String(error) };
        this.#share.note("warn", "output of a container cannot be held back", fields);
      }
    }
  }

  /** Writes all that was read. */
  close(): void {
    clearTimeout(this.#limitTimer);
    for (const reader of this.#readers.values()) reader.close();
    this.#readers.clear();
    this.#log?.close();
  }

  #read(name: OutputName, end: number): void {
    this.#log?.write(name, readBuffer, end);
    const length = end - readBuffer.start;
    this.#limit?.take(length);
    if (this.#isTapped) {
      const bytes = new Uint8Array(readBuffer.bytes.subarray(readBuffer.start, end));
      this.#tell({ kind: "output", id: this.#id, name, bytes }, [bytes.buffer]);
      this.#untakenBytes += length;
    }
    this.#schedule();
  }

  /** Reads on or waits, as the limit and the clients have it. */
  #schedule(): void {
    const waitMs = this.#limit?.waitMs(performance.now()) ?? 0;
    const isHeldUp = waitMs > 0 || this.#untakenBytes >= maximumUntakenBytes;
    if (this.#log !== undefined) this.#log.isHeldUp = isHeldUp;
    for (const reader of this.#readers.values()) {
      if (isHeldUp) reader.pause();
      else reader.resume();
    }
    if (waitMs === 0 || this.#limitTimer !== undefined) return;
    this.#limitTimer = setTimeout(() => {
      this.#limitTimer = undefined;
      this.#schedule();
    }, waitMs);
  }

  #end(name: OutputName, error: Error | undefined): void {
    this.#readers.delete(name);
    if (error !== undefined) {
      const fields = { containerId: this.#id, output: name, error: error.message };
      this.#share.note("warn", "output of a container could not be read on", fields);
    }
    if (this.#readers.size > 0) return;
    this.#log?.writeHeld();
    this.#tell({ kind: "ended", id: this.#id });
  }
}
