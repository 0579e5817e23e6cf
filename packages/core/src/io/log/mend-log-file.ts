import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";

import { headerBytes } from "./line-formatter.ts";

const blockBytes = 64 * 1024;
const lineFeed = 10;
const header = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (?:stdout|stderr) [FP] /;
const tagAt = headerBytes - 2;

/**
 * Ends the last line of a log that a killed daemon left without its line feed: as a part (P), whose rest may follow, or by cutting it off where
 * not even its header is whole. Idempotent; of no effect when there is no file.
 */
export function mendLogFile(path: string): void {
  const fd = open(path);
  if (fd === undefined) return;
  try {
    const stats = fstatSync(fd);
    if (stats.isFile()) mend(fd, stats.size);
  } finally {
    closeSync(fd);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // What else is there is refused, with the reason, when it is opened for appending.
    if (code === "ENOENT" || code === "ELOOP" || code === "ENXIO" || code === "EISDIR") return undefined;
    throw error;
  }
}

function mend(fd: number, size: number): void {
  const start = lastLineStart(fd, size);
  if (start === size) return;
  const begin = Buffer.alloc(headerBytes);
  const length = readSync(fd, begin, 0, headerBytes, start);
  if (!header.test(begin.toString("latin1", 0, length))) return ftruncateSync(fd, start);
  try {
    writeSync(fd, "P", start + tagAt, "latin1");
    writeSync(fd, "\n", size, "latin1");
  } catch {
    // The disk is full, say: it has no room for one byte more, but then for one line less.
    ftruncateSync(fd, start);
  }
}

/** Where the text after the last line feed begins; `size` where it is the last byte. */
function lastLineStart(fd: number, size: number): number {
  const block = Buffer.alloc(Math.min(blockBytes, size));
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length);
    const length = readSync(fd, block, 0, end - start, start);
    const found = block.subarray(0, length).lastIndexOf(lineFeed);
    if (found >= 0) return start + found + 1;
    end = start;
  }
  return 0;
}
