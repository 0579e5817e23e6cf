import { isAbsolute, normalize } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { UmountFlag } from "./flags.ts";
import { umountSync } from "./mount-sync.ts";
import { type Mount, mountsUnder } from "./mount-table.ts";
import { type MountDeadline, umount as umountInWorker } from "./mount.ts";

const busyRetryMs = [10, 40, 100];
const maximumPasses = 10;

/** File systems without a device or server behind them: taking one off waits for nobody, so it needs no thread. */
const memoryTypes: ReadonlySet<string> = new Set([
  "tmpfs",
  "nsfs",
  "mqueue",
  "proc",
  "sysfs",
  "devpts",
  "cgroup",
  "cgroup2",
]);

type Umount = (path: string, flags: number) => void | Promise<void>;

/** Unmounts one; a busy one is tried again and then detached, a vanished one is well. */
async function umountOne(path: string, umount: Umount): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const isLast = attempt >= busyRetryMs.length;
    try {
      return await umount(path, UmountFlag.NOFOLLOW | (isLast ? UmountFlag.DETACH : 0));
    } catch (error) {
      const name = errnoName(error);
      if (name === "EINVAL" || name === "ENOENT") return;
      if (name !== "EBUSY" || isLast) throw error;
      await delay(busyRetryMs[attempt]);
    }
  }
}

/** Deepest first; of mounts on one path the latest, whose id is the highest, first. */
function innermostFirst(mounts: readonly Mount[]): Mount[] {
  const depth = ({ mountPoint }: Mount): number => mountPoint.split("/").length;
  return mounts.toSorted((a, b) => depth(b) - depth(a) || b.id - a.id);
}

/**
 * Unmounts everything on `directory` and below it, innermost first; a busy mount is detached in the end. Idempotent: with
 * nothing mounted, or no such directory, it succeeds. The path must be absolute and is refused when it is "/".
 */
export async function umountTree(directory: string, deadline: MountDeadline = {}): Promise<void> {
  const path = normalize(directory).replace(/(?<=.)\/$/, "");
  // Anything shorter than the path given would take mounts of the host.
  if (!isAbsolute(directory) || path === "/" || path !== directory.replace(/(?<=.)\/$/, "")) {
    throw new StatusError(Code.InvalidArgument, `unmounting below "${directory}": not a plain absolute path`);
  }
  for (let pass = 0; pass < maximumPasses; pass += 1) {
    const mounts = innermostFirst(await mountsUnder(path));
    if (mounts.length === 0) return;
    // All of them, since the way to one leads through the others.
    const isQuick = mounts.every(({ type }) => memoryTypes.has(type));
    const umount: Umount = isQuick ? umountSync : (point, flags) => umountInWorker(point, flags, deadline);
    for (const { mountPoint } of mounts) await umountOne(mountPoint, umount);
  }
  throw new StatusError(Code.FailedPrecondition, `unmounting below "${path}": mounts keep appearing`);
}
