import { readdir } from "node:fs/promises";

import { attemptAsync } from "../libc/errno-error.ts";
import { BoundedReader } from "./bounded-reader.ts";
import { parseProcessStat, type ProcessIdentity } from "./process-stat.ts";

/** A process that carries an environment variable. */
export interface FoundProcess extends ProcessIdentity {
  readonly ppid: number;
  readonly pgid: number;
  readonly comm: string;
  readonly cmdline: readonly string[];
  /** Its variables whose names start with the name sought. */
  readonly env: Readonly<Record<string, string>>;
}

/** Each read takes a thread of libuv's pool (4), and one of a hung process may keep it: half the pool stays free. */
const parallelReads = 2;

/**
 * Finds the processes that were started with the environment variable `name` (and, if given, this value), which children
 * inherit. One scan of /proc; the initial environment counts, as kept by the process. Zombies, kernel threads, and
 * processes that vanish or cannot be read meanwhile are left out. Needs root to see other users' processes.
 */
export async function findProcessesByEnv(name: string, value?: string): Promise<FoundProcess[]> {
  const entries = await attemptAsync("listing processes", () => readdir("/proc"));
  const pids = entries.filter((entry) => /^[1-9][0-9]*$/.test(entry));
  const found: FoundProcess[] = [];
  const scan = async (): Promise<void> => {
    const reader = new BoundedReader();
    for (let pid = pids.shift(); pid !== undefined; pid = pids.shift()) {
      const process = await inspect(reader, pid, name, value);
      if (process !== undefined) found.push(process);
    }
  };
  await Promise.all(Array.from({ length: parallelReads }, scan));
  return found.sort((a, b) => a.pid - b.pid);
}

async function inspect(
  reader: BoundedReader,
  pid: string,
  name: string,
  value: string | undefined,
): Promise<FoundProcess | undefined> {
  const environ = await reader.read(`/proc/${pid}/environ`);
  // Most processes end here, before their text is decoded.
  if (environ === undefined || !environ.includes(name)) return undefined;
  const env = readEnviron(environ, name);
  const own = env[name];
  if (own === undefined || (value !== undefined && own !== value)) return undefined;
  const stat = (await reader.read(`/proc/${pid}/stat`))?.toString("utf8");
  const cmdline = (await reader.read(`/proc/${pid}/cmdline`))?.toString("utf8");
  if (stat === undefined) return undefined;
  const { startTime, ppid, pgid, comm, state } = parseProcessStat(stat);
  if (state === "Z" || state === "X") return undefined;
  // The pid may have gone to a stranger after the first look: then these are not the stranger's variables.
  const still = await reader.read(`/proc/${pid}/environ`);
  if (still === undefined || readEnviron(still, name)[name] !== own) return undefined;
  const words = (cmdline ?? "").split("\0").slice(0, -1);
  return { pid: Number(pid), startTime, ppid, pgid, comm, cmdline: words, env };
}

function readEnviron(environ: Buffer, prefix: string): Record<string, string> {
  const env = Object.create(null) as Record<string, string>;
  for (const entry of environ.toString("utf8").split("\0")) {
    const equals = entry.indexOf("=");
    if (equals > 0 && entry.startsWith(prefix)) env[entry.slice(0, equals)] ??= entry.slice(equals + 1);
  }
  return env;
}
