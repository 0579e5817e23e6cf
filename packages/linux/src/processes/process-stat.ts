import { readFileSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";

/** A process beyond doubt, within one boot: a pid may be given again, but not with the same start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks (1/100 s) from boot to the start. */
  readonly startTime: bigint;
}

/** What /proc/<pid>/stat says, proc_pid_stat(5). */
export interface ProcessStat extends ProcessIdentity {
  readonly ppid: number;
  readonly pgid: number;
  /** One letter; `Z` has ended and waits for its parent. */
  readonly state: string;
  /** Name of the executable, at most 15 bytes; the process may change it. */
  readonly comm: string;
}

/** Reads the text of a stat file. The name may hold spaces and parentheses, so it ends at the last one. */
export function parseProcessStat(text: string): ProcessStat {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  return {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 1, close),
    state: fields[0] ?? "",
    ppid: Number(fields[1]),
    pgid: Number(fields[2]),
    startTime: BigInt(fields[19] ?? "0"),
  };
}

/** Gives what is known of a process; undefined when there is none with this pid. */
export function readProcess(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw StatusError.from(error, `reading process ${pid}`);
  }
}

/** Whether reading a file of /proc/<pid> failed since the process is no more. */
function isGone(error: unknown): boolean {
  const name = errnoName(error);
  return name === "ENOENT" || name === "ESRCH";
}

/** The identity of the process that has this pid now; undefined when none has. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const found = readProcess(pid);
  return found === undefined ? undefined : { pid, startTime: found.startTime };
}
