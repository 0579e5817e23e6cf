import { readdir, readFile, readlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { StatusError } from "@crib/errdefs";
import { type ProcessStat, readProcess, signalProcess, waitProcessGone } from "@crib/linux";

/** Milliseconds that CRIU has to let go of a container when the runtime that asked it has ended, and that a killed process has. */
const patienceMs = { criu: 5_000, killed: 5_000 };
const lookMs = 50;
const againMs = 100;

/**
 * Ends the runtime and CRIU where they are still at work in the directory of a checkpoint. The runtime is killed; CRIU then notices and puts
 * the container's processes back as they were, which it could not if it were killed itself. It is killed all the same when it takes too long.
 */
export async function endCheckpointProcesses(directory: string): Promise<void> {
  let holders = await holdersOf(directory);
  await killAll(holders.filter(({ comm }) => comm !== "criu"));
  for (const end = Date.now() + patienceMs.criu; holders.length > 0 && Date.now() < end;) {
    await delay(lookMs);
    holders = await holdersOf(directory);
  }
  await killAll(holders);
}

/** As `endCheckpointProcesses`, again and again until `signal` is aborted: a shim that was asked may start its runtime at any time. */
export async function keepEndingCheckpointProcesses(directory: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // What cannot be ended now may be in a moment. What cannot be ended at all keeps the shim from answering, which whoever waits for that is told.
    await endCheckpointProcesses(directory).catch(() => {});
    await delay(againMs, undefined, { signal }).catch(() => {}); // the wait is over
  }
}

async function killAll(processes: readonly ProcessStat[]): Promise<void> {
  for (const target of processes) signalProcess(target, "SIGKILL");
  await Promise.all(processes.map((target) => waitProcessGone(target, { timeoutMs: patienceMs.killed })));
}

/** Other processes that have something below a directory open, and runtimes that were asked to make a checkpoint there. */
async function holdersOf(directory: string): Promise<readonly ProcessStat[]> {
  const pids = (await readdir("/proc")).map(Number).filter((pid) => pid > 1 && pid !== process.pid);
  const holders = await Promise.all(
    pids.map(async (pid) => ((await holds(pid, directory)) ? readProcess(pid) : undefined)),
  );
  return holders.filter((holder) => holder !== undefined && holder.state !== "Z") as readonly ProcessStat[];
}

async function holds(pid: number, directory: string): Promise<boolean> {
  try {
    const args = (await readFile(`/proc/${pid}/cmdline`, "latin1")).split("\0");
    if (args.includes("checkpoint") && args.some((arg) => arg.startsWith(`${directory}/`))) return true;
    const names = await readdir(`/proc/${pid}/fd`);
    // One that cannot be read was closed meanwhile: it is nothing that the process has open.
    const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
    return targets.some((target) => target === directory || target.startsWith(`${directory}/`));
  } catch (reason) {
    // It has ended, or is none of ours: a runtime that was asked by the daemon's shim can be looked at by the daemon.
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((reason as NodeJS.ErrnoException).code ?? "")) return false;
    throw StatusError.from(reason, `looking at what process ${pid} has open`);
  }
}
