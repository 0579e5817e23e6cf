import { writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { openPidfd } from "../processes/pidfd.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";
import { cgroupProcesses } from "./cgroup-processes.ts";
import { cgroupSubtree } from "./cgroup-tree.ts";
import { cgroupLayout } from "./layout.ts";

const firstPauseMs = 2;
const slowestPauseMs = 50;

/** Writes a control file; tells whether the cgroup has it. */
async function control(file: string, value: string): Promise<boolean> {
  try {
    await writeFile(file, value, { flag: "r+" });
    return true;
  } catch (error) {
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoName(error) ?? "")) return false;
    throw StatusError.from(error, `writing "${file}"`);
  }
}

/** Ends everything in the version 2 tree at once, forks included (Linux 5.14). */
async function killUnified(path: string): Promise<void> {
  const unified = cgroupLayout().hierarchies.find((hierarchy) => hierarchy.unified);
  if (unified !== undefined) await control(`${cgroupDirectory(unified, path)}/cgroup.kill`, "1");
}

/**
 * Kills each process that is listed. A pid could be given to a stranger between the listing and the signal, so it is
 * held by a descriptor first and then listed once more: one that is still in the cgroup is ours.
 */
async function killListed(path: string, pids: readonly number[]): Promise<void> {
  using held = new DisposableStack();
  const handles = pids.map((pid) => openPidfd(pid)).filter((handle) => handle !== undefined);
  for (const handle of handles) held.use(handle);
  const still = new Set(await cgroupProcesses(path));
  for (const handle of handles) if (still.has(handle.pid)) handle.signal("SIGKILL");
}

async function killRound(path: string, pids: readonly number[]): Promise<void> {
  await killUnified(path);
  const freezer = findHierarchy("freezer");
  if (freezer === undefined) return killListed(path, pids);
  const directory = cgroupDirectory(freezer, path);
  try {
    // Nothing forks while frozen; the signals take effect with the thaw.
    await control(`${directory}/freezer.state`, "FROZEN");
    await killListed(path, pids);
  } finally {
    // A container that was paused is frozen in its own right.
    for (const frozen of await cgroupSubtree(directory)) await control(`${frozen}/freezer.state`, "THAWED");
  }
}

/**
 * Ends every process in a cgroup and below it with SIGKILL and settles when none is left. A missing or empty cgroup
 * succeeds. DeadlineExceeded, naming the pids, when some are left after `timeoutMs` (a process in uninterruptible sleep).
 * Refuses (FailedPrecondition) a cgroup that holds the calling process.
 */
export async function killCgroup(path: string, options: { readonly timeoutMs: number }): Promise<void> {
  const end = performance.now() + options.timeoutMs;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, slowestPauseMs)) {
    const pids = await cgroupProcesses(path);
    if (pids.length === 0) return;
    if (pids.includes(process.pid)) {
      throw new StatusError(Code.FailedPrecondition, `killing cgroup "${path}": this process is in it`);
    }
    if (performance.now() >= end) {
      const left = pids.join(", ");
      throw new StatusError(Code.DeadlineExceeded, `killing cgroup "${path}": processes ${left} are left`);
    }
    await killRound(path, pids);
    await delay(pauseMs);
  }
}
