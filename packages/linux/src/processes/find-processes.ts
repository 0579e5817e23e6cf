import { readFile, readdir } from "node:fs/promises";

import { attemptAsync } from "../libc/errno-error.ts";
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
const stuckReadMs = 2_000;

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
    for (let pid = pids.shift(); pid !== undefined; pid = pids.shift()) {
      const process = await inspect(pid, name, value);
      if (process !== undefined) found.push(process);
    }
  };
  await Promise.all(Array.from({ length: parallelReads }, scan));
  return found.sort((a, b) => a.pid - b.pid);
}

async function inspect(pid: string, name: string, value: string | undefined): Promise<FoundProcess | undefined> {
  const environ = await readBounded(`/proc/${pid}/environ`);
  // Most processes end here; latin1 is the quickest way to look for bytes.
  if (environ === undefined || !environ.includes(name)) return undefined;
  const env = readEnviron(environ, name);
  const own = env[name];
  if (own === undefined || (value !== undefined && own !== value)) return undefined;
  const [stat, cmdline] = [await readBounded(`/proc/${pid}/stat`), await readBounded(`/proc/${pid}/cmdline`)];
  if (stat === undefined) return undefined;
  const { startTime, ppid, pgid, comm, state } = parseProcessStat(stat.toString("utf8"));
  if (state === "Z" || state === "X") return undefined;
  const words = (cmdline ?? Buffer.alloc(0)).toString("utf8").split("\0").slice(0, -1);
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

/**
 * Reads a file of a process; undefined when it cannot be read, or not in time: the memory of a process whose file system
 * hangs may be locked, and its environment with it. The read itself cannot be cancelled and keeps its thread.
 */
async function readBounded(path: string): Promise<Buffer | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), stuckReadMs);
  const gone = (): undefined => undefined;
  try {
    return await Promise.race([readFile(path).catch(gone), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
