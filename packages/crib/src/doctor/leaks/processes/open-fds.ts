import { readlink, stat } from "node:fs/promises";

import { idsIn } from "../id-names.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { openTargets } from "./daemon-process.ts";

/** Descriptors of the running daemon that lead to what is deleted, to namespaces that are no pod's, or to pods without a row. */
export const openFds: LeakCounter = {
  name: "open-fds",
  async find(context): Promise<readonly Finding[]> {
    const pid = await context.daemon();
    if (pid === undefined) return [];
    const namespaces = await heldNamespaces(context, pid);
    return (await openTargets(pid)).flatMap((target) => {
      const why = whyLeaked(context, target, namespaces);
      if (why === undefined) return [];
      const [id] = idsIn(target);
      return [
        { counter: "open-fds", what: "descriptor of the daemon", path: target, pid, why, ...(id && { rowId: id }) },
      ];
    });
  },
};

function whyLeaked(
  { config, unheld }: LeakContext,
  target: string,
  namespaces: ReadonlySet<string>,
): string | undefined {
  if (/^(?:net|ipc|uts|user|mnt|pid|cgroup|time):\[\d+\]$/.test(target)) {
    return namespaces.has(target) ? undefined : "it holds a namespace that is neither the daemon's nor a pod's";
  }
  // An O_TMPFILE file never had a name (open(2)): the daemon hands such files to children as their standard input.
  if (/\/#\d+ \(deleted\)$/.test(target)) return undefined;
  const isOurs = [config.root, config.state, config.netnsDir].some((dir) => target.startsWith(`${dir}/`));
  if (!isOurs) return undefined;
  const [id] = idsIn(target);
  if (target.endsWith(" (deleted)")) return "the file is deleted";
  return id === undefined ? undefined : unheld(id, "files");
}

/** The daemon's own namespaces and those pinned for rows, as `/proc/PID/fd` shows them. */
async function heldNamespaces({ rows }: LeakContext, pid: number): Promise<ReadonlySet<string>> {
  const kinds = ["net", "ipc", "uts", "user", "mnt", "pid", "cgroup", "time"];
  const own = await Promise.all(kinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => "")));
  const pinned = await Promise.all(rows.flatMap(({ namespaces }) => namespaces.map(inodeOf)));
  const inodes = new Set(pinned);
  return new Set([...own, ...kinds.flatMap((kind) => [...inodes].map((inode) => `${kind}:[${inode}]`))]);
}

async function inodeOf(path: string): Promise<number> {
  return await stat(path).then(
    ({ ino }) => ino,
    () => 0,
  );
}
