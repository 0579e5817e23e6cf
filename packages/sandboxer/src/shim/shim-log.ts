import { closeSync, constants, fstatSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

import type { SandboxerLog } from "../sandboxes/types.ts";

/** What a FIFO takes in one piece or not at all, pipe(7). */
const atomicBytes = 4_096;

/**
 * Writes lines to the `log` FIFO of a bundle, which its daemon reads. It is opened for each line, so that a daemon may come and go; a line that nobody reads, or
 * for which there is no room, is dropped: a shim never waits for its log.
 */
export function shimLog(bundle: string, debug: boolean): SandboxerLog {
  const path = join(bundle, "log");
  return (level, message, fields) => {
    if (level === "debug" && !debug) return;
    const line = Buffer.from(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
    let fd: number | undefined;
    try {
      fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      if (fstatSync(fd).isFIFO()) writeSync(fd, line.subarray(0, atomicBytes));
    } catch {
      // ENXIO and ENOENT: nobody reads; EAGAIN: too slowly. There is nowhere to tell it.
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  };
}
