import { closeSync, constants, openSync } from "node:fs";

import { attempt } from "../libc/errno-error.ts";
import { openFifo } from "./open-fifo.ts";

/** Both ends of a FIFO, each a descriptor of its own that blocks, as programs expect of their standard streams. */
export interface FifoEnds {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * Opens both ends of a FIFO at once, whoever else has it open or not. As long as the reading end is held, what is written stays and
 * nobody is killed for writing it; as long as the writing end is, no reader sees the end. Descriptors are close-on-exec and the
 * caller's to close. NotFound; FailedPrecondition for what is no FIFO.
 */
export function openFifoEnds(path: string): FifoEnds {
  // It never waits for anybody, and while it is open the other two do not either, fifo(7).
  const both = openFifo(path, constants.O_RDWR);
  try {
    return attempt(`opening FIFO "${path}"`, () => openEnds(both));
  } finally {
    closeSync(both);
  }
}

/** Through the descriptor, so that both are ends of the very FIFO that was looked at. */
function openEnds(fd: number): FifoEnds {
  const readFd = openSync(`/proc/self/fd/${fd}`, constants.O_RDONLY);
  try {
    return { readFd, writeFd: openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY) };
  } catch (error) {
    closeSync(readFd);
    throw error;
  }
}

/**
 * Closes the reading end that was held of a FIFO. A reader that came when the last writer had already gone is told of the end now; the
 * kernel does not do it by itself, for it takes such a reader for an early one (poll(2) waits for the first writer).
 */
export function closeHeldReader(readFd: number): void {
  try {
    closeSync(openSync(`/proc/self/fd/${readFd}`, constants.O_WRONLY | constants.O_NONBLOCK));
  } finally {
    closeSync(readFd);
  }
}
