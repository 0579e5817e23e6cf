import { setInterfaceUp } from "../network/interface-flags.ts";

/** Sets `lo` of the calling thread's network namespace up; the kernel then gives it 127.0.0.1 and ::1. Idempotent. */
export function bringLoopbackUp(): void {
  setInterfaceUp("lo", true, 'bringing up interface "lo"');
}
