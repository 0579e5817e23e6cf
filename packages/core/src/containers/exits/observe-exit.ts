import { cgroupOomKills, isProcessAlive } from "@crib/linux";

import { cgroupDirectoryOf } from "../../stats/cgroup-directory.ts";
import { toKernelIdentity } from "../../tasks/process-identity.ts";
import type { ContainerRows } from "../life/container-rows.ts";
import type { ContainerExit } from "../types.ts";
import { exitOf, type TaskEnd } from "./task-end.ts";

/** Milliseconds that an exit is held back for the last output. */
const logMs = 500;

/**
 * What is recorded of an end; undefined when it is. Looks at the cgroup before it goes with the task. With the exit on record clients are
 * told that it has ended, and read its log: output that is on its way is waited for, if only shortly, since a child may hold it open.
 */
export async function observeExit(
  { store, deps }: ContainerRows,
  id: string,
  end: TaskEnd,
): Promise<ContainerExit | undefined> {
  const { plan, facts } = store.get(id);
  if (facts.exit) return undefined;
  const [kills] = await Promise.all([
    cgroupOomKills(cgroupDirectoryOf(plan.cgroupPath)),
    deps.stdio.find(id)?.drained(logMs),
  ]);
  const oomKilled = store.get(id).facts.oomKilled === true || kills > 0;
  const wasAlive = facts.process !== undefined && isProcessAlive(toKernelIdentity(facts.process));
  return exitOf(end, { oomKilled, wasAlive });
}
