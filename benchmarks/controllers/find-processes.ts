import { readdirSync, readFileSync } from "node:fs";

/** The ids of all processes that match. One that ends while it is looked at does not. */
export function findProcesses(matches: (args: readonly string[], pid: number) => boolean): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return matches(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"), pid);
      } catch {
        return false;
      }
    });
}
