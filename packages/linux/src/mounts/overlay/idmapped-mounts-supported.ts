import { mkdir, mkdtemp, rmdir } from "node:fs/promises";
import { join } from "node:path";

import { attemptAsync } from "../../libc/errno-error.ts";
import { openUserns } from "../../namespaces/open-userns.ts";
import { umountAll } from "../umount-all.ts";
import { mountOverlay } from "./mount-overlay.ts";

const mapping = [{ containerId: 0, hostId: 100_000, length: 65_536 }];

/**
 * Whether an overlay over directories in `directory`, which is trusted and writable, can show their owners as a user namespace
 * has them: the kernel (5.19 for overlayfs) and the file system decide. Tried with a mount that is gone when this settles, in a directory
 * of its own.
 */
export async function idmappedMountsSupported(directory: string, signal?: AbortSignal): Promise<boolean> {
  const doing = `trying id-mapped mounts in "${directory}"`;
  await using stack = new AsyncDisposableStack();
  const scratch = await attemptAsync(doing, () => mkdtemp(join(directory, "idmap-probe-")));
  stack.defer(() => rmdir(scratch));
  const [first = "", second = "", target = ""] = ["a", "b", "target"].map((name) => join(scratch, name));
  for (const path of [first, second, target]) {
    await attemptAsync(doing, () => mkdir(path));
    stack.defer(() => rmdir(path));
  }
  try {
    using userns = await openUserns({ uids: mapping, gids: mapping }, signal);
    await mountOverlay({ lower: [first, second], target, usernsFd: userns.fd });
  } catch {
    // Whichever of the many ways to say no: what it lacks, mounting with it would fail.
    signal?.throwIfAborted();
    return false;
  }
  await umountAll(target);
  return true;
}
