import { readFile } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, findHierarchy } from "./cgroup-path.ts";

/** Reads a file of a cgroup in the tree that has a controller. Undefined when the tree, the cgroup or the file is missing. */
export async function readCgroupFile(path: string, controller: string, file: string): Promise<string | undefined> {
  const hierarchy = findHierarchy(controller);
  if (hierarchy === undefined) return undefined;
  try {
    return await readFile(`${cgroupDirectory(hierarchy, path)}/${file}`, "latin1");
  } catch (error) {
    // ENODEV: the cgroup went between the opening and the reading. EOPNOTSUPP: the kernel does not count that.
    if (["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(errnoName(error) ?? "")) return undefined;
    throw StatusError.from(error, `reading "${file}" of cgroup "${path}"`);
  }
}
