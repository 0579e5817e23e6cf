import { join } from "node:path";

import { idOfName } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import { listPodCgroups } from "../processes/pod-cgroups.ts";
import type { LeakContext } from "../types.ts";

/** Every id of this daemon that has left any trace: rows, directories, namespaces, cgroups, runtime state, processes. */
export async function findKnownIds(context: LeakContext): Promise<ReadonlySet<string>> {
  const { config, rows, containers, owns } = context;
  const folders = [
    join(config.root, "sandboxes"),
    join(config.root, "containers"),
    join(config.state, "sandboxes"),
    join(config.state, "tasks"),
    ...config.runtimeRoots.map((root) => join(root, config.namespace)),
  ];
  const names = (await Promise.all(folders.map(listDir))).flat().map(({ name }) => name.replace(/^\./, ""));
  const pins = (await listDir(config.netnsDir)).map(({ name }) => idOfName(name));
  const cgroups = (await listPodCgroups()).map(({ id }) => id);
  const marked = (await context.marked()).map(({ row }) => row);
  const all = [...[...rows, ...containers].map(({ id }) => id), ...names, ...pins, ...cgroups, ...marked];
  return new Set(all.filter((id): id is string => id !== undefined && owns(id)));
}
