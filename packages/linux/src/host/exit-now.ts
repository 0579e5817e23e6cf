import { exit } from "../libc/libc.ts";

/**
 * Ends the process at once. `process.exit` waits for its worker threads, and one whose mount call is stuck in the kernel
 * never comes back; this does not wait, and runs no exit handlers.
 */
export function exitNow(code: number): never {
  exit(code);
  throw new Error("unreachable");
}
