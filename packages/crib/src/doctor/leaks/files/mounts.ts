import { realpath } from "node:fs/promises";

import { readMounts } from "@crib/linux";

import { idOfPath } from "../id-names.ts";
import type { Finding, Held, LeakContext, LeakCounter } from "../types.ts";
import { isOwned, listSnapshotMounts, type SnapshotMount } from "./snapshot-mounts.ts";

/**
 * Mounts in the directories of pods: shm, pinned namespaces other than the network's (those are counted as `netns`), root
 * file systems; and mounts of snapshots wherever they are. Any other mount without an id in its path is the administrator's,
 * such as a disk for the root directory.
 */
export const mounts: LeakCounter = {
  name: "mounts",
  async find(context): Promise<readonly Finding[]> {
    const { config, unheld } = context;
    const bases = await Promise.all([config.root, config.state].map(resolved));
    const all = await readMounts();
    const idOf = (path: string): string | undefined =>
      bases.map((base) => idOfPath(base, path)).find((each) => each !== undefined);
    const ofPods = all.flatMap(({ mountPoint, type }) => {
      const id = idOf(mountPoint);
      if (id === undefined) return [];
      const why = unheld(id, kindOf(mountPoint));
      if (why === undefined) return [];
      return [{ counter: "mounts", what: `mounted ${type}`, path: mountPoint, why, rowId: id }];
    });
    const others = (await listSnapshotMounts(config.root, all)).filter(
      ({ mount }) => idOf(mount.mountPoint) === undefined,
    );
    return [...ofPods, ...(await unownedMounts(context, others))];
  },
};

/**
 * A pod's shim keeps its root file system until RemovePodSandbox; what else is mounted of a pod ends with StopPodSandbox. A container's root
 * file system ends with it, its volumes stay.
 */
function kindOf(mountPoint: string): Held {
  if (mountPoint.includes("/containers/")) return "files";
  if (!mountPoint.includes("/tasks/")) return "network";
  return mountPoint.endsWith("/rootfs") ? "rootfs" : "files";
}

async function unownedMounts(context: LeakContext, mounts: readonly SnapshotMount[]): Promise<readonly Finding[]> {
  if (mounts.length === 0) return [];
  const { snapshots } = await context.images();
  return mounts
    .filter((each) => !isOwned(each, snapshots, context))
    .map(({ mount, dirs }) => ({
      counter: "mounts",
      what: `mounted ${mount.type} of snapshots ${dirs.slice(0, 3).join(", ")}`,
      path: mount.mountPoint,
      why: "no pod owns what it shows",
    }));
}

/** The mount table has no symbolic links. */
async function resolved(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}
