import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { DaemonConfig } from "./config/types.ts";

/**
 * Makes the daemon's directories, closed to other users from birth, and repairs wider modes that it finds
 * (CVE-2021-41103 and its kin). The state directory can be passed through but not read: a pod in a user namespace
 * reaches its root file system below `tasks`.
 */
export async function prepareDirectories({ root, state, socket }: DaemonConfig): Promise<void> {
  const closed = [root, join(root, "sandboxes"), join(root, "cni"), join(state, "sandboxes")];
  await ensure(root, 0o700);
  await ensure(state, 0o711);
  for (const dir of closed) await ensure(dir, 0o700);
  await ensure(join(state, "tasks"), 0o711);
  await mkdir(join(socket, ".."), { recursive: true, mode: 0o700 });
}

async function ensure(dir: string, mode: number): Promise<void> {
  await mkdir(dir, { recursive: true, mode });
  await chmod(dir, mode);
}
