import { isMainThread } from "node:worker_threads";

import koffi from "koffi";

import { unshare } from "../libc/libc.ts";

const CLONE_FS = 0x200;

let isOwn: boolean | undefined;

function take(): boolean {
  if (isMainThread || unshare(CLONE_FS) < 0) return false;
  koffi.load(null).func("umask", "uint", ["uint"])(0);
  return true;
}

/**
 * Gives this worker thread a umask of its own, 0, so that what it makes has the very mode that was asked for; the process' stays as
 * it is. Gives whether it has; on the main thread never, since others share its umask. Idempotent.
 */
export function takeThreadUmask(): boolean {
  isOwn ??= take();
  return isOwn;
}
