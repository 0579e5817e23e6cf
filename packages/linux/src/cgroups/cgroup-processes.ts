import { readFile, writeFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectories } from "./cgroup-path.ts";
import { cgroupSubtree } from "./cgroup-tree.ts";

async function readPids(directory: string): Promise<number[]> {
  try {
    const text = await readFile(`${directory}/cgroup.procs`, "latin1");
    return text.split("\n").filter(Boolean).map(Number);
  } catch (error) {
    // EOPNOTSUPP: a threaded cgroup, whose processes its parent lists.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoName(error) ?? "")) return [];
    throw StatusError.from(error, `reading processes of cgroup "${directory}"`);
  }
}

/** Lists the processes in a cgroup or below it, in any tree, each once. Empty when there is no such cgroup. */
export async function cgroupProcesses(path: string): Promise<number[]> {
  const subtrees = await Promise.all(cgroupDirectories(path).map(cgroupSubtree));
  const pids = new Set<number>();
  for (const directory of subtrees.flat()) {
    for (const pid of await readPids(directory)) pids.add(pid);
  }
  // 0 stands for a process that this pid namespace does not show.
  pids.delete(0);
  return [...pids].sort((a, b) => a - b);
}

/** Moves a process into a cgroup in every tree. NotFound when the cgroup or the process is missing. */
export async function addToCgroup(path: string, pid: number): Promise<void> {
  for (const directory of cgroupDirectories(path)) {
    try {
      // The kernel's own file: it must exist, so none is made.
      await writeFile(`${directory}/cgroup.procs`, String(pid), { flag: "r+" });
    } catch (error) {
      throw StatusError.from(error, `moving process ${pid} to cgroup "${path}"`);
    }
  }
}
