import { mkdir } from "node:fs/promises";

import { mountTmpfs, umountTree } from "@crib/linux";

import type { SandboxStepContext } from "./types.ts";

/** As with containerd and Docker. */
const shmBytes = 64 * 1024 * 1024;

/** Mounts the tmpfs that containers of the pod share as /dev/shm. */
export async function mountShm({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await mkdir(plan.shmPath, { recursive: true, mode: 0o700 });
  await midpoint();
  mountTmpfs(plan.shmPath, { sizeBytes: shmBytes, mode: 0o1777 });
}

/** Unmounts it; not mounted is success. */
export async function unmountShm({ plan, midpoint }: SandboxStepContext): Promise<void> {
  await umountTree(plan.shmPath);
  await midpoint();
}
