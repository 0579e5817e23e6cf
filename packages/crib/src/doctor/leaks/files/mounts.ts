import { realpath } from "node:fs/promises";

import { readMounts } from "@crib/linux";

import { idOfPath } from "../id-names.ts";
import type { Finding, LeakCounter } from "../types.ts";

/**
 * Mounts in the directories of pods: shm, pinned namespaces other than the network's (those are counted as `netns`), root
 * file systems. A mount without an id in its path is the administrator's, such as a disk for the root directory.
 */
export const mounts: LeakCounter = {
  name: "mounts",
  async find({ config, unheld }): Promise<readonly Finding[]> {
    const bases = await Promise.all([config.root, config.state].map(resolved));
    const all = await readMounts();
    return all.flatMap(({ mountPoint, type }) => {
      const id = bases.map((base) => idOfPath(base, mountPoint)).find((each) => each !== undefined);
      if (id === undefined) return [];
      // A pod's shim keeps its root file system until RemovePodSandbox; what else is mounted ends with StopPodSandbox.
      const why = unheld(id, mountPoint.includes("/tasks/") ? "files" : "network");
      if (why === undefined) return [];
      return [{ counter: "mounts", what: `mounted ${type}`, path: mountPoint, why, rowId: id }];
    });
  },
};

/** The mount table has no symbolic links. */
async function resolved(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}
