import { Code, StatusError } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { setresuid } from "../libc/libc.ts";

/**
 * Runs a synchronous body with the effective user id of the calling thread, and of no other, changed. The kernel lets only
 * the root of the owning user namespace write its IPC sysctls, whatever capabilities the host's root has.
 */
export function withEffectiveUser<T>(uid: number, body: () => T): T {
  const own = process.geteuid?.();
  if (own === undefined) throw new StatusError(Code.Unimplemented, "changing the effective user: not supported here");
  check(setresuid(-1, uid, -1), `becoming user ${uid}`);
  try {
    return body();
  } finally {
    // Unprivileged for good, the daemon could neither clean up nor say so reliably.
    if (setresuid(-1, own, -1) < 0) process.abort();
  }
}
