import { closeSync, constants, readSync } from "node:fs";
import { Socket } from "node:net";

import { openFifo } from "@crib/linux/fifos";

import { maximumHeldBytes, type ReadBuffer } from "../log/line-formatter.ts";
import { pipeBytes, sealFifo, withoutSeal } from "./fifo-seal.ts";
import { isTurnOver } from "./turn.ts";

/** As much as a pipe holds, together with what is held back of a line: no more is ever read and not written. */
const bufferBytes = 64 * 1024;
/** How often a FIFO is emptied to be sealed; whoever fills it each time will hardly be done just then. */
const maximumSeals = 50;

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

/** Whose FIFO it is, and where. */
export interface FifoPlace {
  readonly id: string;
  readonly path: string;
}

/** Reads a FIFO by epoll whenever it is not paused. It has ended when there has been a writer and the last one has closed. */
export class FifoReader {
  readonly #place: FifoPlace;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #events: ReaderEvents;
  #isPaused = false;
  #isDone = false;

  /** `isAdopted`: a daemon before may have sealed it, and without a writer it has ended already. */
  constructor(place: FifoPlace, isAdopted: boolean, events: ReaderEvents) {
    this.#place = place;
    this.#events = events;
    this.#fd = openFifo(place.path, constants.O_RDONLY);
    const isEnded = isAdopted && this.#readFirst();
    const onread = { buffer: target, callback: (length: number) => this.#take(length) };
    this.#socket = new Socket({ fd: this.#fd, readable: true, writable: false, onread });
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

  /** Has writers wait for the next daemon. */
  seal(): void {
    for (let count = 0; count < maximumSeals && !this.#isDone; count += 1) {
      const length = this.#readNow(target);
      if (length === 0) return;
      if (length !== undefined) this.#events.read(readBuffer.start + length);
      else if (sealFifo(this.#place.path, this.#place.id)) return;
    }
  }

  /** Reads no more. */
  close(): void {
    this.#isDone = true;
    this.#socket.destroy();
  }

  /** Reads what may have a seal in it. Gives whether the FIFO has no writer. */
  #readFirst(): boolean {
    const bytes = Buffer.alloc(2 * pipeBytes);
    let used = 0;
    let length: number | undefined;
    try {
      // Once so much was read a seal has been, whatever has been written since.
      while (used < pipeBytes) {
        length = this.#readNow(bytes.subarray(used, used + pipeBytes));
        if (length === undefined || length === 0) break;
        used += length;
      }
      for (const part of withoutSeal(bytes.subarray(0, used), this.#place.id)) this.#hand(part);
      return length === 0;
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  #hand(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += target.length) {
      this.#events.read(readBuffer.start + bytes.copy(target, 0, at));
    }
  }

  /** Undefined when there is nothing at the moment, 0 when there is no writer. */
  #readNow(into: Buffer): number | undefined {
    try {
      return readSync(this.#fd, into);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return undefined;
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
