import { readlink, stat } from "node:fs/promises";
import { join } from "node:path";

import { readMounts } from "@crib/linux";

import { listDir } from "../list-dir.ts";

/** A network namespace that has a name or a process. */
export interface HostNamespace {
  /** A path to enter it by. */
  readonly path: string;
  readonly inode: number;
}

/** Every network namespace of the host but the one we are in: pinned ones, and those of processes; each once. */
export async function listNetworkNamespaces(): Promise<readonly HostNamespace[]> {
  const own = inodeOfLink(await readlink("/proc/self/ns/net"));
  const byInode = new Map<number, HostNamespace>();
  for (const { type, root, mountPoint } of await readMounts()) {
    const inode = type === "nsfs" ? inodeOfLink(root) : undefined;
    if (inode !== undefined && inode !== own && !byInode.has(inode)) byInode.set(inode, { path: mountPoint, inode });
  }
  for (const { name } of await listDir("/proc")) {
    if (!/^[1-9]\d*$/.test(name)) continue;
    const path = join("/proc", name, "ns/net");
    const inode = inodeOfLink(await readlink(path).catch(() => ""));
    if (inode !== undefined && inode !== own && !byInode.has(inode)) byInode.set(inode, { path, inode });
  }
  return [...byInode.values()];
}

/** The inode number of the network namespace pinned or shown at a path; undefined when there is none. */
export async function networkNamespaceInode(path: string): Promise<number | undefined> {
  return await stat(path).then(
    ({ ino }) => ino,
    () => undefined,
  );
}

function inodeOfLink(link: string): number | undefined {
  const digits = /^net:\[(\d+)\]$/.exec(link)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
