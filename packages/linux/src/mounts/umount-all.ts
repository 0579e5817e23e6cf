import { isAbsolute } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { errnoName } from "../libc/errno-error.ts";
import { UmountFlag } from "./flags.ts";
import { type MountDeadline, umount } from "./mount.ts";

/** How many mounts on one another there may be; after a crash a second one is possible, more are not expected. */
const maximumStacked = 16;

/**
 * Takes off whatever is mounted on a directory, the mounts below and on one another with it; a busy one is detached and goes when
 * its last user has. Not mounted, or not there, is success. Unlike `umountTree` it does not read the mount table, so that it is quick
 * where there are many mounts, and symbolic links before the last component do not matter.
 */
export async function umountAll(target: string, deadline: MountDeadline = {}): Promise<void> {
  if (!isAbsolute(target)) throw new StatusError(Code.InvalidArgument, `unmounting "${target}": not absolute`);
  for (let count = 0; count < maximumStacked; count++) {
    try {
      await umount(target, UmountFlag.NOFOLLOW | UmountFlag.DETACH, deadline);
    } catch (error) {
      const name = errnoName(error);
      if (name === "EINVAL" || name === "ENOENT") return;
      throw error;
    }
  }
  throw new StatusError(Code.FailedPrecondition, `unmounting "${target}": mounts keep appearing`);
}
