import {
  closeSync,
  constants as fsConstants,
  fchmodSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { attempt, errnoError } from "../libc/errno-error.ts";
import { flock } from "../libc/libc.ts";

const LOCK_EX_NB = 2 | 4;

/** A lock that this process holds until it releases it or ends, however it ends. */
export interface FileLock extends Disposable {
  /** Gives the lock up; the file stays, since removing it would let two processes lock two files of one name. May be repeated. */
  release(): void;
}

/**
 * Locks a file, made with mode 0600 if missing, and writes this process' pid into it. FailedPrecondition at once, naming
 * the holder's pid, when another process holds it. Children started later do not inherit the lock.
 */
export function lockFile(path: string): FileLock {
  const doing = `locking "${path}"`;
  const flags = fsConstants.O_RDWR | fsConstants.O_CREAT | fsConstants.O_NOFOLLOW;
  const fd = attempt(doing, () => openSync(path, flags, 0o600));
  try {
    const result = flock(fd, LOCK_EX_NB);
    if (result === -constants.errno.EAGAIN) throw new StatusError(Code.FailedPrecondition, `${doing}: ${holder(fd)}`);
    if (result < 0) throw errnoError(result, doing);
    attempt(doing, () => {
      fchmodSync(fd, 0o600);
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let isHeld = true;
  const release = (): void => {
    if (isHeld) closeSync(fd);
    isHeld = false;
  };
  return { release, [Symbol.dispose]: release };
}

function holder(fd: number): string {
  const pid = readFileSync(fd, "latin1").trim();
  // The holder may just be starting and not have written its pid.
  return /^[0-9]+$/.test(pid) ? `held by process ${pid}` : "held by another process";
}
