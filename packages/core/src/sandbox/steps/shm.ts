import { mkdir } from "node:fs/promises";

import { mountTmpfs, umountTree } from "@crib/linux";
import type { IdMapping } from "@crib/sandboxer";

import type { SandboxStepContext } from "./types.ts";

/** As with containerd and Docker. */
const shmBytes = 64 * 1024 * 1024;

/** Mounts the tmpfs that containers of the pod share as /dev/shm. */
export async function mountShm({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await mkdir(plan.shmPath, { recursive: true, mode: 0o700 });
  await midpoint();
  // In a user namespace its root owns it, as everywhere else; the host's root would be nobody there.
  const { uids = [], gids = [] } = plan.userNamespace ?? {};
  mountTmpfs(plan.shmPath, { sizeBytes: shmBytes, mode: 0o1777, uid: hostIdOfRoot(uids), gid: hostIdOfRoot(gids) });
}

/** Unmounts it; not mounted is success. */
export async function unmountShm({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await umountTree(plan.shmPath);
  await midpoint();
}

function hostIdOfRoot(mappings: readonly IdMapping[]): number | undefined {
  return mappings.find(({ containerId }) => containerId === 0)?.hostId;
}
