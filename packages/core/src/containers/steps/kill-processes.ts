import { killCgroup } from "@crib/linux";

import { cgroupDirectoryOf } from "../../stats/cgroup-directory.ts";
import type { ContainerPlan } from "../types.ts";

/** Milliseconds for the kernel to let go of killed processes. */
const goneMs = 5_000;

/** Kills all that is in a container's cgroup, and waits until it is gone. The path ends in the container's own id: nothing else can be in it. */
export async function killProcesses({ cgroupPath }: Pick<ContainerPlan, "cgroupPath">): Promise<void> {
  await killCgroup(cgroupDirectoryOf(cgroupPath), { timeoutMs: goneMs });
}
