import { basename } from "node:path";

import type { FoundProcess } from "@crib/linux";

import { heldSockets, unixListeners } from "./unix-listeners.ts";

/**
 * Which of the processes that were started for shims are servers, as opposed to `shim start`, `shim delete` and a runtime: those that have the
 * name that shims have by containerd's rule, or that listen. Answers their pids.
 */
export async function servingShims(
  processes: readonly Pick<FoundProcess, "pid" | "cmdline">[],
): Promise<ReadonlySet<number>> {
  const lasting = processes.filter(({ cmdline }) => !["start", "delete"].includes(cmdline.at(-1) ?? ""));
  const named = new Set(lasting.filter(({ cmdline }) => hasShimName(cmdline)).map(({ pid }) => pid));
  if (named.size === lasting.length) return named;
  const inodes = new Set((await unixListeners()).map(({ inode }) => inode));
  for (const { pid } of lasting) {
    if (!named.has(pid) && (await heldSockets(pid, inodes)).length > 0) named.add(pid);
  }
  return named;
}

function hasShimName(cmdline: readonly string[]): boolean {
  return basename(cmdline[0] ?? "").startsWith("containerd-shim");
}
