import { readFileSync, writeFileSync } from "node:fs";

const mebibyte = 1024 * 1024;

/** How much memory a process took at most above what it had at the beginning. */
export interface PeakMemory {
  /** MiB by which the resident memory grew at its peak since. */
  growth(): number;
}

/** Begins to watch a process. The kernel keeps the peak, and forgets the old one (proc(5), clear_refs). */
export function watchPeakMemory(pid: number): PeakMemory {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  const before = statusBytes(pid, "VmRSS");
  return { growth: () => (statusBytes(pid, "VmHWM") - before) / mebibyte };
}

function statusBytes(pid: number, field: string): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  if (kilobytes === undefined) throw new Error(`process ${pid} tells no ${field}`);
  return Number(kilobytes) * 1024;
}
