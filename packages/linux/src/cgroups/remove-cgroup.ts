import { rmdir } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectories } from "./cgroup-path.ts";
import { cgroupProcesses } from "./cgroup-processes.ts";
import { cgroupSubtree } from "./cgroup-tree.ts";

const firstRetryMs = 2;
const slowestRetryMs = 50;

/** Removes a cgroup's directory in one tree with all below it; tells whether it is gone. */
async function removeFrom(directory: string): Promise<boolean> {
  for (const child of (await cgroupSubtree(directory)).toReversed()) {
    try {
      await rmdir(child);
    } catch (error) {
      if (errnoName(error) === "EBUSY" || errnoName(error) === "ENOTEMPTY") return false;
      if (errnoName(error) !== "ENOENT") throw StatusError.from(error, `removing cgroup "${child}"`);
    }
  }
  return true;
}

/**
 * Removes a cgroup with all below it from every tree. Idempotent: a missing one succeeds. Processes in it are not ended:
 * while one is there, or just dying, the removal is tried again for `timeoutMs` (default 2 s), then FailedPrecondition
 * names the pids.
 */
export async function removeCgroup(path: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
  const end = performance.now() + (options.timeoutMs ?? 2_000);
  let directories = cgroupDirectories(path);
  for (let pauseMs = firstRetryMs; ; pauseMs = Math.min(pauseMs * 2, slowestRetryMs)) {
    const gone = await Promise.all(directories.map(removeFrom));
    directories = directories.filter((_, index) => gone[index] !== true);
    if (directories.length === 0) return;
    if (performance.now() >= end) break;
    await delay(pauseMs);
  }
  const pids = await cgroupProcesses(path);
  throw new StatusError(
    Code.FailedPrecondition,
    `removing cgroup "${path}": busy, processes ${pids.join(", ") || "none"}`,
  );
}
