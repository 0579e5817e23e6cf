import { closeSync } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { pidfdOpen, pidfdSendSignal, poll } from "../libc/libc.ts";
import { type ProcessIdentity, processIdentity } from "./process-stat.ts";

const POLLIN = 1;
/** `struct pollfd`: int fd, short events, short revents. */
const pollfdBytes = 8;

/** A process held by a descriptor: it stays the same process, whatever becomes of its pid. */
export class Pidfd implements Disposable {
  readonly #fd: number;
  readonly pid: number;
  #isClosed = false;

  /** For `openPidfd`. */
  constructor(fd: number, pid: number) {
    this.#fd = fd;
    this.pid = pid;
  }

  /** Sends a signal (name or number). False when the process is gone; a zombie still takes signals, without effect. */
  signal(signal: NodeJS.Signals | number): boolean {
    const number = typeof signal === "number" ? signal : constants.signals[signal];
    const result = pidfdSendSignal(this.#openFd(), number);
    if (result === -constants.errno.ESRCH) return false;
    check(result, `sending signal ${signal} to process ${this.pid}`);
    return true;
  }

  /** Whether the process runs. One that has ended does not, reaped or not. */
  alive(): boolean {
    const request = Buffer.alloc(pollfdBytes);
    request.writeInt32LE(this.#openFd(), 0);
    request.writeInt16LE(POLLIN, 4);
    return check(poll(request, 1, 0), `polling process ${this.pid}`) === 0;
  }

  /** Closes the descriptor; the process goes on. May be repeated. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #openFd(): number {
    if (this.#isClosed)
      throw new StatusError(Code.FailedPrecondition, `using process ${this.pid}: its pidfd is closed`);
    return this.#fd;
  }
}

/**
 * Opens a process. With a start time it is opened only if it is that very process. Undefined when it is gone, reaped or
 * replaced. The descriptor is close-on-exec.
 */
export function openPidfd(pid: number, startTime?: bigint): Pidfd | undefined {
  const fd = pidfdOpen(pid);
  // EINVAL is what the kernel says of a pid that is a thread; it was a process, then that one is gone.
  if (fd === -constants.errno.ESRCH || (fd === -constants.errno.EINVAL && pid > 0)) return undefined;
  if (fd < 0) throw errnoError(fd, `opening process ${pid}`);
  const handle = new Pidfd(fd, pid);
  // Read after the open: while the descriptor shows a process that lives, the pid is its own.
  if (startTime === undefined || processIdentity(pid)?.startTime === startTime) return handle;
  handle.close();
  return undefined;
}

/**
 * Sends a signal to exactly this process. False when it is gone (a zombie counts as there), so that a stranger with the
 * same pid is never hit.
 */
export function signalProcess({ pid, startTime }: ProcessIdentity, signal: NodeJS.Signals | number): boolean {
  using handle = openPidfd(pid, startTime);
  return handle?.signal(signal) ?? false;
}
