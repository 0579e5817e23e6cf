import { readFileSync } from "node:fs";

import { readProcess } from "@crib/linux";

/**
 * Kills an additional process together with its process group: a shell's children do not outlive it then. Does nothing
 * unless the pid leads a group and is, by its cgroup, in the container: the pids of a virtual machine are not the
 * host's.
 */
export function killGroup(pid: number, containerId: string): void {
  if (pid <= 1 || readProcess(pid)?.pgid !== pid) return;
  try {
    if (!readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(containerId)) return;
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "ENOENT") throw error; // it has ended meanwhile
  }
}
