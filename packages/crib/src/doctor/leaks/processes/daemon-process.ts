import { readFile, readlink, realpath } from "node:fs/promises";
import { join } from "node:path";

import { listDir } from "../list-dir.ts";

/**
 * The process of the daemon of a root directory: the one that the lock file names and that has the file open, since a
 * dead daemon's pid may be another's by now. Undefined when none runs.
 */
export async function findDaemon(root: string): Promise<number | undefined> {
  const path = join(root, "lock");
  try {
    const pid = Number((await readFile(path, "utf8")).trim());
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
    const targets = await openTargets(pid);
    return targets.includes(await realpath(path)) ? pid : undefined;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw reason;
  }
}

/** What the descriptors of a process lead to; none when it has ended. */
export async function openTargets(pid: number): Promise<readonly string[]> {
  try {
    const fds = await listDir(`/proc/${pid}/fd`);
    const targets = await Promise.all(fds.map(({ name }) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")));
    return targets.filter((target) => target !== "");
  } catch {
    return []; // it ended meanwhile
  }
}
