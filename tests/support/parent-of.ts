import { readFileSync } from "node:fs";

/** The process that a process is a child of. Throws when it does not run. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
