import { readdir, stat } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectories } from "./cgroup-path.ts";
import { cgroupLayout } from "./layout.ts";

/** Names of the cgroups right below a directory; none when it is gone. */
async function childCgroups(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (errnoName(error) === "ENOENT" || errnoName(error) === "ENODEV") return [];
    throw StatusError.from(error, `listing cgroup "${directory}"`);
  }
}

/** A cgroup's directory in one tree and all below it, parents first; empty when it is gone. */
export async function cgroupSubtree(directory: string): Promise<string[]> {
  if (!(await directoryExists(directory))) return [];
  const found = [directory];
  for (let index = 0; index < found.length; index += 1) {
    const parent = found[index] ?? "";
    for (const name of await childCgroups(parent)) found.push(`${parent}/${name}`);
  }
  return found;
}

async function directoryExists(directory: string): Promise<boolean> {
  try {
    return (await stat(directory)).isDirectory();
  } catch (error) {
    if (errnoName(error) === "ENOENT") return false;
    throw StatusError.from(error, `examining cgroup "${directory}"`);
  }
}

/** Whether the cgroup is there in any tree. */
export async function cgroupExists(path: string): Promise<boolean> {
  return (await Promise.all(cgroupDirectories(path).map(directoryExists))).includes(true);
}

/**
 * Lists the cgroups of all trees, each once, whose own name starts with `prefix`, as paths from the root. What lies below
 * a match belongs to it and is not listed.
 */
export async function listCgroups(prefix: string): Promise<string[]> {
  const found = new Set<string>();
  const walk = async (mountPoint: string, path: string): Promise<void> => {
    for (const name of await childCgroups(mountPoint + path)) {
      if (name.startsWith(prefix)) found.add(`${path}/${name}`);
      else await walk(mountPoint, `${path}/${name}`);
    }
  };
  await Promise.all(cgroupLayout().hierarchies.map(({ mountPoint }) => walk(mountPoint, "")));
  return [...found].sort();
}
