import { type FileHandle, open, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { hasCode, Code, StatusError } from "@crib/errdefs";

const pieceBytes = 64 * 1024;
/** Milliseconds between two looks at a file that did not grow: at first, and at most. */
const lookMs = { first: 5, most: 100 };

/** How long a file is read. */
export interface FollowOptions {
  /** Whether what is in the file now is all that there will be. Asked before each look, and so true too late at worst. */
  readonly isComplete: () => boolean;
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * The bytes of a file that grows, and of those that take its place when it is rotated. One that is not there yet is waited for.
 * Pieces are good until the next one is asked for; an empty one says that all that is there has been given.
 */
export async function* followFile(path: string, options: FollowOptions): AsyncGenerator<Buffer> {
  let file = await openWhenThere(path, options);
  const piece = Buffer.alloc(pieceBytes);
  let at = 0;
  let isAtEnd = false;
  let waitMs = lookMs.first;
  try {
    while (file && !options.signal?.aborted) {
      const isComplete = options.isComplete();
      // Looked at before the file is read: what was written before it was put away is read then.
      const isRotated = await isAnother(file, path);
      const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
      if (bytesRead > 0) {
        at += bytesRead;
        waitMs = lookMs.first;
        isAtEnd = false;
        yield piece.subarray(0, bytesRead);
      } else if (isRotated) {
        await file.close();
        file = await openWhenThere(path, options);
        at = 0;
      } else if (!isAtEnd) {
        isAtEnd = true;
        yield piece.subarray(0, 0);
      } else if (isComplete) {
        return;
      } else {
        await pause(waitMs, options.signal);
        waitMs = Math.min(waitMs * 2, lookMs.most);
      }
    }
  } finally {
    await file?.close();
  }
}

/** Undefined when it is complete without ever having been there, or the reading was ended. */
async function openWhenThere(path: string, options: FollowOptions): Promise<FileHandle | undefined> {
  while (!options.signal?.aborted) {
    const isLast = options.isComplete();
    try {
      return await open(path, "r");
    } catch (reason) {
      const error = StatusError.from(reason, `reading "${path}"`);
      if (!hasCode(error, Code.NotFound)) throw error;
      if (isLast) return undefined;
    }
    await pause(lookMs.first, options.signal);
  }
  return undefined;
}

/** Whether another file has the path now. While there is none the old one may still be written. */
async function isAnother(file: FileHandle, path: string): Promise<boolean> {
  try {
    const [own, there] = await Promise.all([file.stat(), stat(path)]);
    return own.ino !== there.ino || own.dev !== there.dev;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw StatusError.from(reason, `reading "${path}"`);
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
