import { createHash } from "node:crypto";
import { closeSync, constants, writeSync } from "node:fs";

import { openFifo } from "@crib/linux/fifos";

/** What a pipe holds by default, pipe(7), and so the most that is before the end of a seal. */
export const pipeBytes: number = 64 * 1024;

/** What fills pages of one container's FIFOs; a divisor of their size. */
function patternOf(id: string): Buffer {
  return createHash("sha256").update(`crib seal ${id}`).digest();
}

/**
 * Fills an empty FIFO, so that whoever writes to it waits for the next daemon. Without that, a shim whose container ends would write the last of
 * its output into the FIFO and close it; and what is in a FIFO that nobody holds open is gone. Gives false when the FIFO is full
 * already.
 */
export function sealFifo(path: string, id: string): boolean {
  const pattern = patternOf(id);
  const fd = openFifo(path, constants.O_WRONLY);
  try {
    // One call fills all free pages, with nothing of others between, and leaves no room in the last.
    return writeSync(fd, Buffer.alloc(pipeBytes, pattern)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** What the first bytes of a FIFO are without the seal, if there is one: before it and after it. */
export function withoutSeal(bytes: Buffer, id: string): readonly Buffer[] {
  const pattern = patternOf(id);
  const start = bytes.indexOf(pattern);
  if (start < 0) return [bytes];
  let end = start;
  while (bytes.subarray(end, end + pattern.length).equals(pattern)) end += pattern.length;
  return [bytes.subarray(0, start), bytes.subarray(end)];
}
