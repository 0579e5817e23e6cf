import { readFileSync } from "node:fs";

import { readProcess } from "@crib/linux";

import { hasHostPids } from "../../tasks/endpoints/connect-tasks.ts";
import type { TaskService } from "../../tasks/types.ts";

/**
 * Kills an additional process together with its process group: a shell's children do not outlive it then. Does nothing
 * unless the pid leads a group and is, by its cgroup, in the container: the pids of a virtual machine are not the
 * host's.
 */
export function killGroup(service: Pick<TaskService, "endpoint">, pid: number, containerId: string): void {
  if (!hasHostPids(service.endpoint) || pid <= 1 || readProcess(pid)?.pgid !== pid) return;
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(containerId)) return;
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "ENOENT") throw error; // it has ended meanwhile
  }
}
