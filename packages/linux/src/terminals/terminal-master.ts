import { closeSync, writeSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { ReadStream } from "node:tty";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoName } from "../libc/errno-error.ts";
import { fcntl, ioctl } from "../libc/libc.ts";

const TIOCSWINSZ = 0x5414;
const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
/** `struct winsize`: rows, columns and two sizes in pixels that nobody uses. */
const winsizeBytes = 8;
const maximumSide = 0xffff;
const firstPauseMs = 2;
const slowestPauseMs = 50;

/** How many characters a terminal shows. */
export interface TerminalSize {
  /** 0 to 65535. */
  readonly columns: number;
  readonly rows: number;
}

/** The side of a pseudoterminal that a program does not see (pty(7)): what it writes is read here, and the reverse. */
export class TerminalMaster implements Disposable {
  /**
   * What the programs on the terminal write. "close" follows its end, which comes when the last of them has closed the terminal. Not
   * reading stops them, once the kernel's buffer is full.
   */
  readonly output: Readable;
  readonly #fd: number;
  #isClosed = false;

  /** Takes over the descriptor of a master, such as a runtime sends. InvalidArgument for any other. */
  constructor(fd: number) {
    try {
      const flags = check(fcntl(fd, F_GETFL, 0), "opening a terminal");
      // libuv would leave a master blocking, and a program that does not read would stop this one.
      check(fcntl(fd, F_SETFL, flags | O_NONBLOCK), "opening a terminal");
      this.output = new ReadStream(fd);
    } catch (error) {
      closeSync(fd);
      throw new StatusError(Code.InvalidArgument, "opening a terminal: not a terminal", { cause: error });
    }
    this.#fd = fd;
    // EIO is how the kernel says that nobody has the other side open any more; "close" tells it here.
    this.output.on("error", () => undefined);
    this.output.once("close", () => (this.#isClosed = true));
  }

  /** Types; settles when the terminal has taken it all, which it may never do: rejects with the signal's reason. NotFound once closed. */
  async write(data: Uint8Array, signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs;
    for (let at = 0; at < data.length;) {
      const taken = this.#writeSome(data.subarray(at));
      at += taken;
      if (taken > 0) pauseMs = firstPauseMs;
      else await delay(pauseMs, undefined, { signal });
      pauseMs = Math.min(pauseMs * 2, slowestPauseMs);
    }
  }

  /** Tells the programs on it (SIGWINCH). NotFound once closed; InvalidArgument for a size that does not fit. */
  resize(size: TerminalSize): void {
    setTerminalSize(this.#openFd(), size);
  }

  /** Programs on it are hung up. May be repeated. */
  close(): void {
    this.#isClosed = true;
    this.output.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #writeSome(data: Uint8Array): number {
    try {
      return writeSync(this.#openFd(), data);
    } catch (error) {
      if (errnoName(error) === "EAGAIN") return 0;
      throw StatusError.from(error, "writing to a terminal");
    }
  }

  #openFd(): number {
    if (this.#isClosed) throw new StatusError(Code.NotFound, "using a terminal: it is closed");
    return this.#fd;
  }
}

/** Sets the size of the terminal that a descriptor is of. InvalidArgument for a size that does not fit or no terminal. */
function setTerminalSize(fd: number, { columns, rows }: TerminalSize): void {
  const doing = `resizing a terminal to ${columns}x${rows}`;
  const fits = [columns, rows].every((side) => Number.isInteger(side) && side >= 0 && side <= maximumSide);
  if (!fits) throw new StatusError(Code.InvalidArgument, `${doing}: not a size`);
  const size = Buffer.alloc(winsizeBytes);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  check(ioctl(fd, TIOCSWINSZ, size), doing);
}
