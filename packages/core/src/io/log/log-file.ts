import { closeSync, fstatSync, ftruncateSync, writeSync } from "node:fs";

import { openLogFile } from "./open-log-file.ts";

const lineFeed = 10;

/** A container's log, open for appending. Whatever fails, it holds whole lines only. */
export class LogFile {
  readonly #path: string;
  #fd: number;
  /** Bytes at the end that are no whole line, which could not be cut off yet. */
  #tornBytes = 0;

  /** Errors of `openLogFile`. */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openLogFile(path);
  }

  /** Appends formatted lines. Gives how many bytes of whole lines are in the file, and what kept the rest out. */
  append(lines: Buffer): { readonly bytes: number; readonly error?: Error } {
    let written = 0;
    try {
      this.#cutTorn();
      // A short write is rarely the end: the next one says why.
      while (written < lines.length) written += writeSync(this.#fd, lines, written, lines.length - written);
      return { bytes: written };
    } catch (reason) {
      const error = reason instanceof Error ? reason : new Error(String(reason));
      const whole = written === 0 ? 0 : lines.lastIndexOf(lineFeed, written - 1) + 1;
      this.#tornBytes += written - whole;
      return { bytes: whole, error: this.#tryCut() ?? error };
    }
  }

  /** Goes on in the file that has the path now. The old one stays in use when that fails. */
  reopen(): void {
    const fd = openLogFile(this.#path);
    this.#tryCut();
    closeSync(this.#fd);
    this.#fd = fd;
    this.#tornBytes = 0;
  }

  close(): void {
    this.#tryCut();
    closeSync(this.#fd);
  }

  #tryCut(): Error | undefined {
    try {
      this.#cutTorn();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  #cutTorn(): void {
    if (this.#tornBytes === 0) return;
    const { size } = fstatSync(this.#fd);
    // Somebody may have emptied the file meanwhile.
    ftruncateSync(this.#fd, Math.max(0, size - this.#tornBytes));
    this.#tornBytes = 0;
  }
}
