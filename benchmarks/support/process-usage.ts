import { readFileSync, writeFileSync } from "node:fs";

/** Milliseconds of a clock tick, as Linux shows it to programs on all its platforms; see proc(5). */
const tickMs = 10;

/** Milliseconds of processor time that a process, its threads and the children it waited for have used. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold spaces; utime is the twelfth field behind it, proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) * tickMs;
}

/** Resident memory of a process now, bytes; memory of its children is not part of it. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** Its part of the memory that it has, with what it shares divided among all who have it, bytes; see proc_pid_smaps_rollup(5). */
export function proportionalBytes(pid: number): number {
  const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return Number(line?.[1] ?? Number.NaN) * 1_024;
}

/** The most resident memory that a process has had since `resetPeak`, bytes. */
export function peakBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

/** Lets the peak begin anew; see proc_pid_clear_refs(5). */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function statusBytes(pid: number, field: "VmRSS" | "VmHWM"): number {
  const line = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? Number.NaN) * 1_024;
}
