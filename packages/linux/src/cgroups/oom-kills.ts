import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";

/**
 * How many processes of a cgroup the kernel has killed for memory: `oom_kill` of memory.events (version 2) or of memory.oom_control
 * (version 1, Linux 4.13). 0 when there is no such cgroup or no memory controller.
 */
export async function cgroupOomKills(path: string): Promise<number> {
  const hierarchy = findHierarchy("memory");
  if (!hierarchy) return 0;
  const name = hierarchy.unified ? "memory.events" : "memory.oom_control";
  const file = `${cgroupDirectory(hierarchy, path)}/${name}`;
  try {
    const [, count] = /^oom_kill (\d+)$/m.exec(await readFile(file, "latin1")) ?? [];
    return Number(count ?? 0);
  } catch (error) {
    if (errnoName(error) === "ENOENT" || errnoName(error) === "ENODEV") return 0;
    throw StatusError.from(error, `reading "${file}"`);
  }
}
