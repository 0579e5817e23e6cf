import { setTimeout as delay } from "node:timers/promises";

import { check, errnoError } from "../libc/errno-error.ts";
import { getsockopt, poll } from "../libc/libc.ts";

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const POLLOUT = 4;
const slowestPollMs = 20;

/** For socket(2): a stream whose calls never block and that children do not get. */
export const SOCK_STREAM_NONBLOCK_CLOEXEC: number = 1 | 0o4000 | 0o2_000_000;

/** Settles when a connect that is under way has succeeded; rejects with what it failed with, or with the signal's reason. */
export async function untilConnected(fd: number, doing: string, signal?: AbortSignal): Promise<void> {
  for (let pauseMs = 1; !isSettled(fd, doing); pauseMs = Math.min(pauseMs * 2, slowestPollMs)) {
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}

function isSettled(fd: number, doing: string): boolean {
  const request = Buffer.alloc(8);
  request.writeInt32LE(fd, 0);
  request.writeInt16LE(POLLOUT, 4);
  if (check(poll(request, 1, 0), doing) === 0) return false;
  const value = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  check(getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length), doing);
  if (value.readInt32LE(0) !== 0) throw errnoError(-value.readInt32LE(0), doing);
  return true;
}
