import { readFileSync } from "node:fs";

import { StatusError } from "@crib/errdefs";

/** The kernel's names of limits in /proc/PID/limits. */
const types: Readonly<Record<string, string>> = {
  "cpu time": "RLIMIT_CPU",
  "file size": "RLIMIT_FSIZE",
  "data size": "RLIMIT_DATA",
  "stack size": "RLIMIT_STACK",
  "core file size": "RLIMIT_CORE",
  "resident set": "RLIMIT_RSS",
  processes: "RLIMIT_NPROC",
  "open files": "RLIMIT_NOFILE",
  "locked memory": "RLIMIT_MEMLOCK",
  "address space": "RLIMIT_AS",
  "file locks": "RLIMIT_LOCKS",
  "pending signals": "RLIMIT_SIGPENDING",
  "msgqueue size": "RLIMIT_MSGQUEUE",
  "nice priority": "RLIMIT_NICE",
  "realtime priority": "RLIMIT_RTPRIO",
  "realtime timeout": "RLIMIT_RTTIME",
};

/** The hard limits of a process as its /proc/PID/limits tells them, by `RLIMIT_...`; no limit is infinite. */
export function parseHardLimits(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", hard = ""] = /^Max (.+?)\s+(?:unlimited|\d+)\s+(unlimited|\d+)(?:\s|$)/.exec(line) ?? [];
    const type = types[name];
    if (type !== undefined) found.set(type, hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard));
  }
  return found;
}

/** The hard limits of this process: what its children can have at most, without CAP_SYS_RESOURCE. */
export function ownHardLimits(): ReadonlyMap<string, number> {
  try {
    return parseHardLimits(readFileSync("/proc/self/limits", "latin1"));
  } catch (error) {
    throw StatusError.from(error, "reading limits");
  }
}
