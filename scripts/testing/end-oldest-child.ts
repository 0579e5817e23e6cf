import { readdirSync, readFileSync } from "node:fs";

/** Ends the child of a process that has run longest, with SIGKILL; gives the last argument of its command line, or undefined when there is no child. */
export function endOldestChild(parent: number): string | undefined {
  const [oldest] = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readChild(pid, parent))
    .sort((one, other) => one.startTicks - other.startTicks);
  if (oldest === undefined) return undefined;
  // A child whose parent is alive keeps its pid until that parent has waited for it, so this hits no other process.
  process.kill(oldest.pid, "SIGKILL");
  return oldest.lastArgument;
}

interface Child {
  readonly pid: number;
  readonly startTicks: number;
  readonly lastArgument: string;
}

function readChild(pid: string, parent: number): readonly Child[] {
  try {
    // proc_pid_stat(5): the name, in parentheses, may hold anything; after it come state (3), ppid (4), ..., starttime (22).
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? [];
    if (Number(fields[1]) !== parent || fields[0] === "Z") return [];
    const lastArgument = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").at(-2) ?? "";
    return [{ pid: Number(pid), startTicks: Number(fields[19]), lastArgument }];
  } catch {
    return []; // it has ended since
  }
}
