import { readdir, readFile } from "node:fs/promises";

import { cgroupProcesses, readProcess } from "@crib/linux";

import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { listPodCgroups } from "./pod-cgroups.ts";

/** Pause and container processes: those in a cgroup `crib-ID`, and the children of a leaked shim. */
export const podProcesses: LeakCounter = {
  name: "processes",
  async find(context): Promise<readonly Finding[]> {
    const byPid = new Map<number, Finding>();
    for (const { id, path } of await listPodCgroups()) {
      const why = context.owns(id) ? context.unheld(id, "process") : undefined;
      if (why === undefined) continue;
      for (const pid of await cgroupProcesses(path)) add(byPid, pid, `in cgroup ${path}; ${why}`, id);
    }
    for (const [pid, id] of await childrenOfLeakedShims(context)) {
      if (!byPid.has(pid)) add(byPid, pid, `child of a shim; ${context.unheld(id, "process") ?? ""}`, id);
    }
    // The marked ones are counted as shims and helpers.
    for (const { pid } of await context.marked()) byPid.delete(pid);
    return [...byPid.values()];
  },
};

function add(byPid: Map<number, Finding>, pid: number, why: string, id: string): void {
  const process = readProcess(pid);
  if (!process || process.state === "Z") return;
  byPid.set(pid, { counter: "processes", what: `process ${process.comm}`, pid, why, rowId: id });
}

async function childrenOfLeakedShims(context: LeakContext): Promise<ReadonlyMap<number, string>> {
  const children = new Map<number, string>();
  for (const { isShim, pid, row } of await context.marked()) {
    if (!isShim || context.unheld(row, "process") === undefined) continue;
    for (const child of await childrenOf(pid)) children.set(child, row);
  }
  return children;
}

/** The children of all threads of a process (proc_pid_task(5)). */
async function childrenOf(pid: number): Promise<readonly number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const texts = await Promise.all(threads.map((tid) => readFile(`/proc/${pid}/task/${tid}/children`, "latin1")));
    return texts.flatMap((text) => text.split(" ").filter(Boolean).map(Number));
  } catch {
    return []; // it ended meanwhile
  }
}
