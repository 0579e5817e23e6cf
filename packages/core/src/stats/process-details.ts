import { opendir, readFile, readlink } from "node:fs/promises";

import { StatusError } from "@crib/errdefs";
import { cgroupProcesses } from "@crib/linux";

import type { UsageDetails } from "./types.ts";

/** File descriptors that are looked at in one container; a container can have millions, each a call of the kernel. */
const maxDescriptors = 10_000;

/** What the processes of a cgroup have open. `init` is asked for its limit of open files, if it is one of them. */
export async function processDetails(
  cgroup: string,
  init: number | undefined,
): Promise<NonNullable<UsageDetails["processes"]>> {
  const pids = await cgroupProcesses(cgroup);
  const counts = { fileDescriptors: 0, sockets: 0 };
  for (const pid of pids) await countDescriptors(pid, counts);
  const limit = init !== undefined && pids.includes(init) ? await openFilesLimit(init) : undefined;
  return {
    count: BigInt(pids.length),
    ...(counts.fileDescriptors <= maxDescriptors && {
      fileDescriptors: BigInt(counts.fileDescriptors),
      sockets: BigInt(counts.sockets),
    }),
    ...(limit !== undefined && { openFilesLimit: limit }),
  };
}

async function countDescriptors(pid: number, counts: { fileDescriptors: number; sockets: number }): Promise<void> {
  const path = `/proc/${pid}/fd`;
  try {
    for await (const { name } of await opendir(path)) {
      if (++counts.fileDescriptors > maxDescriptors) return;
      // One that was closed meanwhile is no socket.
      const target = await readlink(`${path}/${name}`).catch(() => "");
      if (target.startsWith("socket:")) counts.sockets++;
    }
  } catch (reason) {
    ignoreEnded(reason, path);
  }
}

/** The soft limit; undefined for none, and for a process that has ended. */
async function openFilesLimit(pid: number): Promise<bigint | undefined> {
  const path = `/proc/${pid}/limits`;
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(await readFile(path, "latin1"))?.[1];
    return soft === undefined ? undefined : BigInt(soft);
  } catch (reason) {
    ignoreEnded(reason, path);
    return undefined;
  }
}

/** ESRCH is what /proc says of a process that ends while it is read. EACCES: it may not be looked at, as with dumpable off. */
function ignoreEnded(reason: unknown, path: string): void {
  const code = (reason as NodeJS.ErrnoException).code ?? "";
  if (!["ENOENT", "ESRCH", "EACCES"].includes(code)) throw StatusError.from(reason, `reading "${path}"`);
}
