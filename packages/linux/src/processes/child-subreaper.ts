import { check } from "../libc/errno-error.ts";
import { prctl } from "../libc/libc.ts";
import { reapOrphans } from "./reaper.ts";

const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Makes this process the parent of what its children leave behind when they end (PR_SET_CHILD_SUBREAPER, prctl(2)): of containers, whose
 * runtime ends once they run. Those that nobody waits for (`adoptChild`) are reaped a moment after their end, so that no zombie stays.
 * For the main thread, which gets the signals. Idempotent; lasts as long as the process.
 */
export function becomeChildSubreaper(): void {
  check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "becoming a child subreaper");
  reapOrphans();
}
