import { basename, join } from "node:path";

import { cgroupLayout } from "@crib/linux";

import { idOfName } from "../id-names.ts";
import { listDir } from "../list-dir.ts";

/** A cgroup that is named for a pod or a container. */
export interface PodCgroup {
  readonly id: string;
  /** From the root of the hierarchies. */
  readonly path: string;
}

/** The cgroups named `crib-ID` of all hierarchies, at any depth, each path once: those of containers are below those of their pods. */
export async function listPodCgroups(): Promise<readonly PodCgroup[]> {
  const found = new Map<string, PodCgroup>();
  for (const { mountPoint } of cgroupLayout().hierarchies) await walk(mountPoint, "", found);
  return [...found.values()];
}

async function walk(mountPoint: string, path: string, found: Map<string, PodCgroup>): Promise<void> {
  const id = idOfName(basename(path));
  if (id !== undefined) found.set(path, { id, path });
  for (const entry of await listDir(join(mountPoint, path))) {
    if (entry.isDirectory()) await walk(mountPoint, `${path}/${entry.name}`, found);
  }
}
