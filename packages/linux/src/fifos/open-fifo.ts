import { closeSync, constants, fstatSync, openSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { attempt } from "../libc/errno-error.ts";

/**
 * Opens without ever blocking, and only a FIFO: anything else would be read by the thread pool, or as a disk file. `flags` say reading or
 * writing, as of open(2). Gives a descriptor that the caller closes. Needs nothing of koffi, so that a small worker thread can use it.
 * NotFound; FailedPrecondition for what is no FIFO; an error with errno ENXIO for writing where nobody reads.
 */
export function openFifo(path: string, flags: number): number {
  const doing = `opening FIFO "${path}"`;
  const fd = attempt(doing, () => openSync(path, flags | constants.O_NONBLOCK));
  if (fstatSync(fd).isFIFO()) return fd;
  closeSync(fd);
  throw new StatusError(Code.FailedPrecondition, `${doing}: not a FIFO`);
}
