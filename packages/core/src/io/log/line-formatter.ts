import type { OutputName } from "../worker/messages.ts";
import { type LogClock, stampBytes } from "./log-clock.ts";

/** Bytes of an unfinished line that are held back for the rest of it, at most. */
export const maximumHeldBytes = 16 * 1024;
/** `<time> stdout F `. */
export const headerBytes: number = stampBytes + 10;

const nameAt = stampBytes + 1;
const tagAt = stampBytes + 8;
const lineFeed = 10;
const carriageReturn = 13;
const full = 0x46;
const partial = 0x50;

/** Where formatted lines go: a buffer that is written to the log when it is full and when a read is done. */
export interface LineSink {
  /** Formatted lines are at its beginning. */
  readonly buffer: Buffer;
  /** How many bytes of it are taken. */
  used: number;
  /** Writes what is in the buffer; it is empty then, even when writing failed. */
  flush(): void;
}

/** A buffer for reading, with room in front of what was read for the unfinished line of an earlier read. */
export interface ReadBuffer {
  readonly bytes: Buffer;
  /** Where reads go; `maximumHeldBytes` or more. */
  readonly start: number;
}

/**
 * Makes lines of the CRI's log format of one output: `<time> <stream> <F|P> <text>`. A line longer than `maxLineBytes` is cut into parts, P but
 * for the last. A carriage return before the line feed is dropped; all other bytes pass as they are. The end of what was
 * read, if no line ends there, is held back (16 KiB at most) for the next read; `flush` writes it as a part.
 */
export class LineFormatter {
  readonly #name: OutputName;
  /** Shared by all outputs of the thread, so that times grow from line to line of a log. */
  readonly #clock: LogClock;
  readonly #sink: LineSink;
  readonly #maxLineBytes: number;
  #held: Uint8Array = new Uint8Array(0);
  #isPartial = false;

  constructor(name: OutputName, maxLineBytes: number, clock: LogClock, sink: LineSink) {
    this.#name = name;
    this.#clock = clock;
    this.#sink = sink;
    // A part must fit into the sink's buffer. No larger one could come of a read and what is held.
    const most = sink.buffer.length - headerBytes - 1;
    this.#maxLineBytes = maxLineBytes > 0 ? Math.min(maxLineBytes, most) : most;
  }

  /** Whether something is held back. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Formats what was read: the bytes from `read.start` to `end`. Bytes before `read.start` may be overwritten. */
  write(read: ReadBuffer, end: number): void {
    this.#begin();
    const { start } = read;
    const bytes = read.bytes.subarray(0, end);
    let at = start - this.#held.length;
    bytes.set(this.#held, at);
    for (let next = bytes.indexOf(lineFeed, start); next >= 0; next = bytes.indexOf(lineFeed, at)) {
      const stop = next > at && bytes[next - 1] === carriageReturn ? next - 1 : next;
      at = this.#cut(bytes, at, stop);
      this.#emit(full, bytes, at, stop);
      at = next + 1;
    }
    at = this.#cut(bytes, at, end);
    if (end - at > maximumHeldBytes) {
      this.#emit(partial, bytes, at, end);
      at = end;
    }
    this.#held = new Uint8Array(bytes.subarray(at, end));
  }

  /** Writes what is held back, as a part. */
  flush(): void {
    if (this.#held.length === 0) return;
    const bytes = Buffer.from(this.#held.buffer, this.#held.byteOffset, this.#held.length);
    this.#held = new Uint8Array(0);
    this.#begin();
    this.#emit(partial, bytes, 0, bytes.length);
  }

  /** Forgets what is held back. Gives how many bytes that were. */
  drop(): number {
    const { length } = this.#held;
    this.#held = new Uint8Array(0);
    return length;
  }

  /** Writes a line of our own. */
  say(text: string): void {
    this.#begin();
    // Else whoever joins parts would take our line for the rest of the container's.
    if (this.#isPartial) this.#emit(full, Buffer.alloc(0), 0, 0);
    const bytes = Buffer.from(text);
    this.#emit(full, bytes, 0, bytes.length);
  }

  #begin(): void {
    this.#clock.stamp();
    this.#clock.header.write(this.#name, nameAt, "latin1");
  }

  /** Writes parts of the full length while there is more than that. Gives where the rest begins. */
  #cut(bytes: Buffer, from: number, end: number): number {
    let at = from;
    for (; end - at > this.#maxLineBytes; at += this.#maxLineBytes) {
      this.#emit(partial, bytes, at, at + this.#maxLineBytes);
    }
    return at;
  }

  #emit(tag: number, bytes: Buffer, start: number, end: number): void {
    const sink = this.#sink;
    const { header } = this.#clock;
    if (sink.used + headerBytes + (end - start) + 1 > sink.buffer.length) sink.flush();
    header[tagAt] = tag;
    const { buffer } = sink;
    buffer.set(header, sink.used);
    bytes.copy(buffer, sink.used + headerBytes, start, end);
    sink.used += headerBytes + (end - start) + 1;
    buffer[sink.used - 1] = lineFeed;
    this.#isPartial = tag === partial;
    this.#clock.advance();
  }
}
