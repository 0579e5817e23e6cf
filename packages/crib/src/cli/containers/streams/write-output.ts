import { once } from "node:events";
import type { Writable } from "node:stream";

/**
 * Writes to a stream and waits while its reader is behind. Gives false when nobody reads it any more, which is no failure: the
 * reader has seen enough.
 */
export async function writeOutput(stream: Writable, bytes: Uint8Array): Promise<boolean> {
  if (stream.destroyed || stream.errored) return false;
  if (stream.write(bytes)) return true;
  const stop = new AbortController();
  try {
    await Promise.race(["drain", "close", "error"].map(async (name) => await once(stream, name, stop)));
  } catch (reason) {
    // An error of the stream; others cannot be.
    if ((reason as NodeJS.ErrnoException).code !== "EPIPE") throw reason;
  } finally {
    stop.abort();
  }
  return !stream.destroyed && !stream.errored;
}
