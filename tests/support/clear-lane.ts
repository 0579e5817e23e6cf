import { readdirSync, readFileSync, rmdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import type { Lane } from "./lane.ts";
import { runProgram } from "./run-program.ts";

const hierarchies = "/sys/fs/cgroup";

/** Removes what a node leaves by design when its pods are gone: the bridge of its network, its cgroups, its files. */
export async function clearLane(lane: Lane): Promise<void> {
  await runProgram(["ip", "link", "delete", lane.bridge], { mayFail: true });
  for (const mount of readFileSync("/proc/self/mounts", "utf8").matchAll(/^\S+ (\S+) /gm)) {
    // Removing the directory would otherwise remove what is mounted there, perhaps the host's own files.
    if (mount[1]?.startsWith(`${lane.dir}/`)) throw new Error(`${lane.dir} is kept: ${mount[1]} is still mounted`);
  }
  removeCgroups(lane);
  // Where host-local keeps its files when a configuration names no directory for them.
  rmSync(join("/var/lib/cni/networks", lane.bridge), { recursive: true, force: true });
  for (const name of readdirSync(lane.dir)) {
    // The directory is the claim on the lane, and stays until everything was looked at.
    if (name !== "pid") rmSync(join(lane.dir, name), { recursive: true, force: true });
  }
}

/** Removes the lane's cgroup, the slices named after it, and what is below; a process in one of them is an error. */
function removeCgroups(lane: Lane): void {
  const own = new RegExp(`^${lane.cgroup.slice(1)}([.-].*\\.slice|\\.slice|$)`);
  for (const hierarchy of ["", ...readdirSync(hierarchies)]) {
    const dir = join(hierarchies, hierarchy);
    if (!statSync(dir).isDirectory()) continue;
    for (const name of readdirSync(dir)) if (own.test(name)) removeTree(join(dir, name));
  }
}

/** Cgroups hold files that cannot be removed and go with their directory. */
function removeTree(dir: string): void {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(dir, entry.name));
  }
  rmdirSync(dir);
}
