import { closeSync, constants, readSync } from "node:fs";
import { Socket } from "node:net";

import { openFifo } from "@crib/linux/fifos";

import { maximumHeldBytes, type ReadBuffer } from "../log/line-formatter.ts";
import { isTurnOver } from "./turn.ts";

/** As much as a pipe holds, together with what is held back of a line: no more is ever read and not written. */
const bufferBytes = 64 * 1024;

const maximumFirstReads = 4;

/** Of all readers of the thread, which use what they read before they read on. */
export const readBuffer: ReadBuffer = { bytes: Buffer.allocUnsafeSlow(bufferBytes), start: maximumHeldBytes };
const target = readBuffer.bytes.subarray(readBuffer.start);

/** What becomes of an output. */
export interface ReaderEvents {
  /** The read buffer holds new bytes up to `end`; it is used again after this. */
  readonly read: (end: number) => void;
  /** Nothing more comes; with the error, if that is why. Called once, never after `close`. */
  readonly end: (error?: Error) => void;
}

/** Reads a FIFO by epoll whenever it is not paused. It has ended when there has been a writer and the last one has closed. */
export class FifoReader {
  readonly #socket: Socket;
  readonly #events: ReaderEvents;
  #isPaused = false;
  #isDone = false;

  /** `isEndedUnheld`: without a writer it has ended already. */
  constructor(path: string, isEndedUnheld: boolean, events: ReaderEvents) {
    this.#events = events;
    const fd = openFifo(path, constants.O_RDONLY);
    const isEnded = isEndedUnheld && this.#readFirst(fd);
    const onread = { buffer: target, callback: (length: number) => this.#take(length) };
    this.#socket = new Socket({ fd, readable: true, writable: false, onread });
    this.#socket.on("error", (error) => this.#finish(error));
    this.#socket.on("end", () => this.#finish());
    // A FIFO without a writer looks to epoll as if one were to come.
    if (isEnded) setImmediate(() => this.#finish());
  }

  pause(): void {
    if (this.#isPaused || this.#isDone) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#isDone) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Reads no more. */
  close(): void {
    this.#isDone = true;
    this.#socket.destroy();
  }

  /** Gives whether the FIFO has no writer. */
  #readFirst(fd: number): boolean {
    try {
      // Whoever writes faster than this is there.
      for (let count = 0; count < maximumFirstReads; count += 1) {
        const length = readSync(fd, target);
        if (length === 0) return true;
        this.#events.read(readBuffer.start + length);
      }
      return false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
      closeSync(fd);
      throw error;
    }
  }

  /** Gives false to stop reading. */
  #take(length: number): boolean {
    if (this.#isDone) return false;
    this.#events.read(readBuffer.start + length);
    if (this.#isPaused || this.#isDone) return false;
    if (!isTurnOver()) return true;
    setImmediate(() => {
      if (!this.#isPaused && !this.#isDone) this.#socket.resume();
    });
    return false;
  }

  #finish(error?: Error): void {
    if (this.#isDone) return;
    this.close();
    this.#events.end(error);
  }
}
