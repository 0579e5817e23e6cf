import { constants } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { check, errnoName } from "../libc/errno-error.ts";
import { mkfifo } from "../libc/libc.ts";
import { openFifo } from "./open-fifo.ts";

const { O_RDONLY, O_RDWR, O_WRONLY } = constants;
const firstRetryMs = 5;
const slowestRetryMs = 100;

/** Makes a FIFO. The mode (default 0o700, reduced by the umask) is its permission bits. AlreadyExists when something is there. */
export function makeFifo(path: string, mode = 0o700): void {
  check(mkfifo(path, mode), `making FIFO "${path}"`);
}

/**
 * Opens a FIFO for reading, at once, with or without a writer. The stream ends when there has been a writer and the last
 * one closes. Reads by epoll, outside the thread pool. The caller listens for "error" and destroys the socket.
 */
export function openFifoReader(path: string): Socket {
  return new Socket({ fd: openFifo(path, O_RDONLY), readable: true, writable: false });
}

/** As `openFifoReader`, holding the writing side too, so that the stream does not end while writers come and go. */
export function openFifoReadWrite(path: string): Socket {
  return new Socket({ fd: openFifo(path, O_RDWR), readable: true, writable: false });
}

/**
 * Opens a FIFO for writing once it has a reader; until then tries again (5 to 100 ms apart) until `signal` aborts, whose
 * reason then rejects. Without a signal it may wait for ever.
 */
export async function openFifoWriter(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<Socket> {
  const { signal } = options;
  for (let pauseMs = firstRetryMs; ; pauseMs = Math.min(pauseMs * 2, slowestRetryMs)) {
    signal?.throwIfAborted();
    try {
      return new Socket({ fd: openFifo(path, O_WRONLY), readable: false, writable: true });
    } catch (error) {
      // Nobody has it open for reading yet, fifo(7).
      if (errnoName(error) !== "ENXIO") throw error;
    }
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal });
  }
}
