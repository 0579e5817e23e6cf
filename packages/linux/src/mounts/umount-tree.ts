import { isAbsolute, normalize } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { UmountFlag } from "./flags.ts";
import { type Mount, mountsUnder } from "./mount-table.ts";
import { type MountDeadline, umount } from "./mount.ts";

const busyRetryMs = [10, 40, 100];
const maximumPasses = 10;

/** Unmounts one; a busy one is tried again and then detached, a vanished one is well. */
async function umountOne(path: string, deadline: MountDeadline): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const isLast = attempt >= busyRetryMs.length;
    try {
      return await umount(path, UmountFlag.NOFOLLOW | (isLast ? UmountFlag.DETACH : 0), deadline);
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
    for (const { mountPoint } of mounts) await umountOne(mountPoint, deadline);
  }
  throw new StatusError(Code.FailedPrecondition, `unmounting below "${path}": mounts keep appearing`);
}
