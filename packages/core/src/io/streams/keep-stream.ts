import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import type { PeerStream } from "./peer-stream.ts";

const firstPauseMs = 50;
const longestPauseMs = 2_000;

/** A stream that lived for so long was not cut by what cut the one before. */
const longLifeMs = 5_000;

/** How often a peer that answers may refuse a stream before it is believed: one that was cut may not have noticed yet. */
const refusalsAllowed = 5;

/** How a stream is kept. */
export interface KeepStreamOptions {
  readonly connect: (signal: AbortSignal) => Promise<PeerStream>;
  /** One that is open already. */
  readonly first?: PeerStream | undefined;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** Once aborted, a stream that is cut, or cannot be opened, is not opened again: nobody sends the rest. */
  readonly finished: AbortSignal;
  /** Told when it is given up. */
  readonly refused: (why: StatusError) => void;
}

/**
 * Uses a stream until `use` settles. One that is cut is opened again, which continues it: the peer, or the way to it, may come back.
 * Never rejects. Leaves no connection.
 */
export async function keepStream(
  options: KeepStreamOptions,
  use: (stream: PeerStream) => Promise<void>,
): Promise<void> {
  const { connect, signal, finished, refused } = options;
  const over = AbortSignal.any([signal, finished]);
  let stream = options.first;
  let refusals = 0;
  for (let pauseMs = firstPauseMs; !signal.aborted; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const beganMs = performance.now();
    try {
      stream ??= await connect(over);
      await use(stream);
      return;
    } catch (reason) {
      const error = StatusError.from(reason);
      if (over.aborted) return;
      if (performance.now() - beganMs > longLifeMs) [pauseMs, refusals] = [firstPauseMs, 0];
      if (!isLoss(error) && (refusals += 1) >= refusalsAllowed) return refused(error);
    } finally {
      await stream?.close();
      stream = undefined;
    }
    await delay(pauseMs, undefined, { signal: over, ref: false }).catch(() => {}); // the loop sees it
    if (finished.aborted) return;
  }
  await stream?.close();
}

/** Whether nobody has said anything: then it may be otherwise later. */
function isLoss({ code }: StatusError): boolean {
  return code === Code.Unavailable || code === Code.DeadlineExceeded;
}
