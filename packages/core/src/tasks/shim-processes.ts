import { readFile } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";
import { findProcessesByEnv, isProcessAlive, signalProcess, waitProcessGone } from "@crib/linux";
import type { ProcessIdentity } from "@crib/sandboxer";

import { identityOf, toKernelIdentity } from "./process-identity.ts";

/**
 * In the environment of all that is started for a task's shim, which the shim and its children inherit; containers do
 * not.
 */
export const shimMarker = "CRIB_SHIM";

/**
 * Ends one process with SIGKILL and settles once it is gone. One that is gone, or whose pid belongs to another by now,
 * is success. DeadlineExceeded when the kernel does not let go of it.
 */
export async function killProcess(identity: ProcessIdentity, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const process = toKernelIdentity(identity);
  if (!isProcessAlive(process)) return;
  signalProcess(process, "SIGKILL");
  await waitProcessGone(process, { timeoutMs, signal });
}

/**
 * Ends every process that was started for the shim of a task, found by their environment: a `shim start` of a daemon
 * that died, a server that forked from it and never told its address, a runtime that hangs. Settles when a scan finds
 * none.
 */
export async function killStrays(id: string, instance: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const mine = await findStrays(id, instance);
    if (mine.length === 0) return;
    if (performance.now() >= end) {
      const pids = mine.map(({ pid }) => pid).join(", ");
      throw new StatusError(Code.DeadlineExceeded, `ending strays of the shim of "${id}": processes ${pids} are left`);
    }
    for (const stray of mine) signalProcess(stray, "SIGKILL");
    const left = Math.max(1, end - performance.now());
    await Promise.all(mine.map((stray) => waitProcessGone(stray, { timeoutMs: left, signal })));
  }
}

/** The value of the marker: the same id may exist in two daemons that were given the same data. */
export function markerValue(id: string, instance: string): string {
  return `${instance}/${id}`;
}

/** The process that has this pid now, if it carries the marker; undefined otherwise. */
export async function findMarkedProcess(pid: number, marker: string): Promise<ProcessIdentity | undefined> {
  const before = identityOf(pid);
  if (before === undefined) return undefined;
  const environ = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
  if (!environ.split("\0").includes(`${shimMarker}=${marker}`)) return undefined;
  // Nobody has taken the number meanwhile, so the variables were its own.
  return identityOf(pid)?.startTime === before.startTime ? before : undefined;
}

async function findStrays(id: string, instance: string): Promise<Awaited<ReturnType<typeof findProcessesByEnv>>> {
  const found = await findProcessesByEnv(shimMarker, markerValue(id, instance));
  return found.filter(({ pid }) => pid !== process.pid);
}
