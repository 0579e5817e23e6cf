import { chmod, mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { cgroupDirectory, checkCgroupPath } from "./cgroup-path.ts";
import { type CgroupHierarchy, cgroupLayout } from "./layout.ts";

/** Makes a directory; tells whether it was missing. */
async function makeDirectory(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    // Whatever the umask: the root of a user namespace has to pass through to its own cgroup.
    await chmod(directory, 0o755);
    return true;
  } catch (error) {
    if (errnoName(error) === "EEXIST") return false;
    throw error;
  }
}

/** A cpuset of version 1 starts empty and takes no process until it has processors and memory nodes. */
async function inheritCpuset(directory: string): Promise<void> {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if ((await readFile(`${directory}/${file}`, "latin1")).trim() !== "") continue;
    await writeFile(`${directory}/${file}`, await readFile(`${dirname(directory)}/${file}`, "latin1"));
  }
}

/** Lets the children of a version 2 cgroup have the controllers that it has itself. */
async function enableControllers(directory: string): Promise<void> {
  const words = async (file: string): Promise<string[]> =>
    (await readFile(`${directory}/${file}`, "latin1")).split(/\s+/).filter(Boolean);
  const enabled = new Set(await words("cgroup.subtree_control"));
  for (const controller of await words("cgroup.controllers")) {
    if (enabled.has(controller)) continue;
    try {
      await writeFile(`${directory}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      // A cgroup with processes of its own, or a controller in use elsewhere: the pod does without it, and setting a
      // limit that needs it says so.
      if (!["EBUSY", "ENOENT", "EOPNOTSUPP", "EINVAL"].includes(errnoName(error) ?? "")) throw error;
    }
  }
}

/** Makes the cgroup in one tree; gives its directory if this call made it. */
async function createIn(hierarchy: CgroupHierarchy, path: string): Promise<string | undefined> {
  let directory = hierarchy.mountPoint;
  let isNew = false;
  for (const part of path.split("/").slice(1)) {
    if (hierarchy.unified) await enableControllers(directory);
    directory = `${directory}/${part}`;
    isNew = await makeDirectory(directory);
    if (hierarchy.controllers.includes("cpuset") && !hierarchy.unified) await inheritCpuset(directory);
  }
  return isNew ? directory : undefined;
}

/**
 * Makes a cgroup, and the parents it lacks, in every tree of the machine. Idempotent. When one tree refuses, what this
 * call made of the cgroup itself is removed again; parents stay.
 */
export async function createCgroup(path: string): Promise<void> {
  checkCgroupPath(path);
  const { hierarchies } = cgroupLayout();
  const made = await Promise.allSettled(hierarchies.map((hierarchy) => createIn(hierarchy, path)));
  const failed = made.find((result) => result.status === "rejected");
  if (failed === undefined) return;
  const directories = hierarchies.map((hierarchy) => cgroupDirectory(hierarchy, path));
  const ours = directories.filter((_, index) => made[index]?.status === "fulfilled" && made[index].value !== undefined);
  const undone = await Promise.allSettled(ours.map((directory) => rmdir(directory)));
  const stuck = undone.find((result) => result.status === "rejected");
  const reason: unknown = failed.reason;
  throw StatusError.from(
    stuck === undefined ? reason : new SuppressedError(stuck.reason, reason, String(reason)),
    `making cgroup "${path}"`,
  );
}
