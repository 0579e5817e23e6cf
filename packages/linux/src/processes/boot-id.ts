import { readFileSync } from "node:fs";

import { attempt } from "../libc/errno-error.ts";

/** The id that the kernel gave this boot; pids, mounts and namespaces of another one are gone. */
export function bootId(): string {
  return attempt("reading the boot id", () => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")).trim();
}
