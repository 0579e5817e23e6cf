import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Copies a client's input to a process until either ends, then closes it with `closeStdin`, also when the client has
 * left. Never rejects: a process may close its input, and a client may leave.
 */
export async function copyInput(source: Readable, target: Writable, closeStdin: () => Promise<void>): Promise<void> {
  try {
    await pipeline(source, target);
  } catch {
    // What was sent until then is in the pipe, and the end that follows is all the process can be told.
  }
  await closeStdin();
}
