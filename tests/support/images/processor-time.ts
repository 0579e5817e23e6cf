import { readFileSync } from "node:fs";

/** Milliseconds that a process has used of processors so far: what the clock says is also what else the machine had to do. */
export function processorMs(pid: number): number {
  // proc_pid_stat(5): after the name, in parentheses, utime and stime are the 12th and 13th, in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(")").at(-1)?.trim().split(" ") ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
