import { readFileSync, rmdirSync } from "node:fs";

import type { Lane } from "./lane.ts";
import { runProgram } from "./run-program.ts";

const hierarchies = "/sys/fs/cgroup";

/** Removes what a node leaves by design when its pods are gone: the bridge of its network, its cgroups, its directory. */
export async function clearLane(lane: Lane): Promise<void> {
  await runProgram(["ip", "link", "delete", lane.bridge], { mayFail: true });
  for (const mount of readFileSync("/proc/self/mounts", "utf8").matchAll(/^\S+ (\S+) /gm)) {
    // Removing the directory would otherwise remove what is mounted there, perhaps the host's own files.
    if (mount[1]?.startsWith(`${lane.dir}/`)) throw new Error(`${lane.dir} is kept: ${mount[1]} is still mounted`);
  }
  await removeCgroups(lane);
  lane.free();
}

async function removeCgroups(lane: Lane): Promise<void> {
  const { stdout } = await runProgram([
    "find",
    hierarchies,
    "-depth",
    "-type",
    "d",
    "-path",
    `${hierarchies}/*${lane.cgroup}*`,
  ]);
  for (const dir of stdout.split("\n").filter((path) => path.split("/").includes(lane.cgroup.slice(1)))) rmdirSync(dir);
}
