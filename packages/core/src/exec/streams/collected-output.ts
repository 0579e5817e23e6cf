import type { Readable } from "node:stream";

import type { DropPace, OutputBudget } from "./output-budget.ts";

/** What bounds the output that is kept. */
export interface OutputLimits {
  /** Bytes of one stream. */
  readonly limitBytes: number;
  readonly budget: OutputBudget;
  readonly pace: DropPace;
}

const smallestPiece = 4 * 1024;
const largestPiece = 1024 * 1024;

/** Every stream may keep this much, whatever the others take. */
const freeBytes = 64 * 1024;

/**
 * Reads a stream to its end and keeps its beginning. Output is copied into pieces of its own: a command that writes
 * single bytes would else be kept as millions of buffers.
 */
export class CollectedOutput {
  /** Settles when the stream has ended or was closed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #limits: OutputLimits;
  readonly #pieces: Buffer[] = [];
  /** Bytes in the last piece. */
  #used = 0;
  #kept = 0;
  #reserved = 0;
  #dropped = 0;

  /** Reads from now on. */
  constructor(stream: Readable, limits: OutputLimits) {
    this.#limits = limits;
    this.ended = new Promise((resolve) => stream.once("close", () => resolve()));
    stream.on("error", () => undefined); // it ends; the exit code tells the rest
    stream.on("data", (chunk: Buffer) => {
      const rest = this.#keep(chunk);
      free(chunk);
      if (rest === 0) return;
      this.#dropped += rest;
      const pauseMs = limits.pace.after(rest);
      if (pauseMs === 0) return;
      stream.pause();
      setTimeout(() => stream.resume(), pauseMs);
    });
  }

  /** Bytes that were read and thrown away. */
  get dropped(): number {
    return this.#dropped;
  }

  /** What was kept. Frees what it was kept in: called once. */
  take(): Uint8Array {
    const pieces = this.#pieces.splice(0);
    const last = pieces.length - 1;
    return Buffer.concat(pieces.map((piece, index) => (index === last ? piece.subarray(0, this.#used) : piece)));
  }

  /** Gives the budget back. Idempotent. */
  release(): void {
    this.#pieces.splice(0);
    this.#limits.budget.giveBack(this.#reserved);
    this.#reserved = 0;
    this.#kept = this.#limits.limitBytes; // nothing more is kept
  }

  /** Gives how much of it was not kept. */
  #keep(chunk: Buffer): number {
    let rest = chunk.subarray(0, Math.max(0, this.#limits.limitBytes - this.#kept));
    const over = chunk.length - rest.length;
    while (rest.length > 0) {
      const piece = this.#room();
      if (piece === undefined) return over + rest.length;
      const copied = rest.copy(piece, this.#used);
      this.#used += copied;
      this.#kept += copied;
      rest = rest.subarray(copied);
    }
    return over;
  }

  /** A piece with room in it; undefined when there may be no more. */
  #room(): Buffer | undefined {
    const last = this.#pieces.at(-1);
    if (last !== undefined && this.#used < last.length) return last;
    const wanted = Math.min(Math.max(smallestPiece, this.#kept), largestPiece);
    const size = Math.min(wanted, this.#limits.limitBytes - this.#kept);
    if (this.#kept + size > freeBytes) {
      if (!this.#limits.budget.take(size)) {
        this.#kept = Math.max(this.#kept, this.#limits.limitBytes);
        return undefined;
      }
      this.#reserved += size;
    }
    const piece = Buffer.allocUnsafeSlow(size);
    this.#pieces.push(piece);
    this.#used = 0;
    return piece;
  }
}

/** The collector would let tens of MiB of read buffers pile up under a flood; what is needed of them has been copied. */
function free({ buffer, byteLength }: Buffer): void {
  const isItsOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  if (isItsOwn && byteLength >= freeBytes / 4) buffer.transfer(0);
}
