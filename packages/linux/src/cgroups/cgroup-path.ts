import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { type CgroupHierarchy, cgroupLayout } from "./layout.ts";

/**
 * Checks the path of a cgroup as all functions here take it: absolute from the root of each tree, plain components, and
 * not the root itself, which holds the whole host. Gives it back.
 */
export function checkCgroupPath(path: string): string {
  const parts = path.split("/").slice(1);
  const isPlain = parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!path.startsWith("/") || !isPlain || path.includes("\0") || path.includes("\n")) {
    throw new StatusError(Code.InvalidArgument, `using cgroup "${path}": not a plain absolute path below the root`);
  }
  return path;
}

/** The directory of a cgroup in one tree. */
export function cgroupDirectory(hierarchy: CgroupHierarchy, path: string): string {
  return join(hierarchy.mountPoint, checkCgroupPath(path));
}

/** The directories of a cgroup in all trees, whether they exist or not. */
export function cgroupDirectories(path: string): string[] {
  return cgroupLayout().hierarchies.map((hierarchy) => cgroupDirectory(hierarchy, path));
}

/** The tree that has a controller; undefined when none has. */
export function findHierarchy(controller: string): CgroupHierarchy | undefined {
  return cgroupLayout().hierarchies.find(({ controllers }) => controllers.includes(controller));
}
