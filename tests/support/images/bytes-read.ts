import { readFileSync } from "node:fs";

/** Bytes that a process and the children that it has waited for have read since its start, of files and of all else (proc(5), `rchar`). */
export function bytesRead(pid: number): number {
  const [, count] = /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, "utf8")) ?? [];
  if (count === undefined) throw new Error(`process ${pid} tells not what it read`);
  return Number(count);
}
