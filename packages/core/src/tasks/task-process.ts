import { readFileSync } from "node:fs";

import type { ProcessIdentity } from "@crib/sandboxer";

import { hasHostPids } from "./endpoints/connect-tasks.ts";
import { identityOf } from "./process-identity.ts";
import type { TaskService } from "./types.ts";

/**
 * The process of this host that a task service means by a pid; undefined where there is none: pids of a virtual machine are not
 * the host's, some services have no process at all (pid 0), and of those that may be the host's only one counts that is in the
 * container's own cgroup, whose name ends in the container's id.
 */
export function taskProcess(
  service: Pick<TaskService, "endpoint">,
  pid: number,
  containerId: string,
): ProcessIdentity | undefined {
  if (!hasHostPids(service.endpoint)) return undefined;
  const process = identityOf(pid);
  if (process === undefined || !isInCgroupOf(pid, containerId)) return undefined;
  // The same as before the look at its cgroup: not another with its number.
  return identityOf(pid)?.startTime === process.startTime ? process : undefined;
}

function isInCgroupOf(pid: number, containerId: string): boolean {
  const names = new Set([`crib-${containerId}`, `crib-${containerId}.scope`]);
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
    // A process may have made groups of its own below.
    return lines.some((line) => line.split("/").some((name) => names.has(name)));
  } catch {
    return false; // it has ended
  }
}
