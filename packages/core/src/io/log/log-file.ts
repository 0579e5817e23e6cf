import { closeSync, fstatSync, ftruncateSync, writeSync } from "node:fs";

import { noteClosed, noteOpened } from "@crib/linux/descriptor-ledger";

import { atLogPlace, type LogPlace } from "./log-place.ts";
import { mendLogFile } from "./mend-log-file.ts";
import { openLogFile } from "./open-log-file.ts";

const lineFeed = 10;
/** How often a file that could not be opened is tried again. */
const retryMs = 1_000;

/** A container's log, open for appending. Whatever fails, it holds whole lines only. */
export class LogFile {
  readonly #place: LogPlace;
  #fd: number | undefined;
  #lastTryMs = -Infinity;
  #lastFailure: Error | undefined;
  /** Bytes at the end that are no whole line, which could not be cut off yet. */
  #tornBytes = 0;
  /** The last line may be torn. */
  #isAdopted = false;

  private constructor(place: LogPlace) {
    this.#place = place;
  }

  /** Errors of `atLogPlace` and `openLogFile`. */
  static open(place: LogPlace): LogFile {
    const file = new LogFile(place);
    file.#open();
    return file;
  }

  /** The log of a running container, whose last line may be torn. Opened with the first line: the container runs, whatever fails. */
  static adopt(place: LogPlace): LogFile {
    const file = new LogFile(place);
    file.#isAdopted = true;
    // What fails is told with the first line that is lost by it.
    file.#attempt(() => file.#open());
    return file;
  }

  /** Appends formatted lines. Gives how many bytes of whole lines are in the file, and what kept the rest out. */
  append(lines: Buffer): { readonly bytes: number; readonly error?: Error } {
    let written = 0;
    const error = this.#attempt(() => {
      const fd = this.#descriptor();
      this.#cutTorn();
      // A short write is rarely the end: the next one says why.
      while (written < lines.length) written += writeSync(fd, lines, written, lines.length - written);
    });
    if (error === undefined) return { bytes: written };
    const whole = written === 0 ? 0 : lines.lastIndexOf(lineFeed, written - 1) + 1;
    this.#tornBytes += written - whole;
    return { bytes: whole, error: this.#attempt(() => this.#cutTorn()) ?? error };
  }

  /** Goes on in the file that has the path now. The old one stays in use when that fails. */
  reopen(): void {
    const fd = atLogPlace(this.#place, openLogFile);
    this.close();
    this.#use(fd);
  }

  /** Gives why the last of it may not be on the disk, if so: some file systems write when a file is closed. */
  close(): Error | undefined {
    const fd = this.#fd;
    if (fd === undefined) return undefined;
    const torn = this.#attempt(() => this.#cutTorn());
    this.#fd = undefined;
    noteClosed(fd);
    return this.#attempt(() => closeSync(fd)) ?? torn;
  }

  #open(): void {
    const nowMs = performance.now();
    if (this.#lastFailure !== undefined && nowMs - this.#lastTryMs < retryMs) throw this.#lastFailure;
    this.#lastTryMs = nowMs;
    this.#lastFailure = this.#attempt(() => {
      const fd = atLogPlace(this.#place, (path) => {
        if (this.#isAdopted) mendLogFile(path);
        this.#isAdopted = false;
        return openLogFile(path);
      });
      this.#use(fd);
    });
    if (this.#lastFailure !== undefined) throw this.#lastFailure;
  }

  /** The file's, opened now where it could not be before. */
  #descriptor(): number {
    if (this.#fd === undefined) this.#open();
    if (this.#fd === undefined) throw new Error("it is closed");
    return this.#fd;
  }

  #use(fd: number): void {
    noteOpened(fd);
    this.#fd = fd;
    this.#tornBytes = 0;
  }

  #attempt(act: () => void): Error | undefined {
    try {
      act();
      return undefined;
    } catch (reason) {
      return reason instanceof Error ? reason : new Error(String(reason));
    }
  }

  #cutTorn(): void {
    if (this.#tornBytes === 0 || this.#fd === undefined) return;
    const { size } = fstatSync(this.#fd);
    // Somebody may have emptied the file meanwhile.
    ftruncateSync(this.#fd, Math.max(0, size - this.#tornBytes));
    this.#tornBytes = 0;
  }
}
