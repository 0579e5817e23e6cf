import { readFile } from "node:fs/promises";
import { basename } from "node:path";

import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { identityOf, type Shims } from "../../../tasks/index.ts";

/**
 * The process of the pid that a shim has answered, if it is the sandbox's without doubt: it is in the pod's cgroup, or the shim has started
 * it. Undefined for 0, for a number that only means something inside a guest, and for one that has ended.
 */
export async function sandboxProcess(
  shims: Pick<Shims, "findProcess">,
  { id, cgroupPath }: Pick<Sandbox, "id" | "cgroupPath">,
  pid: number,
): Promise<ProcessIdentity | undefined> {
  const process = identityOf(pid);
  if (process === undefined) return undefined;
  const cgroups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  // The name of the cgroup has the sandbox's id in it, wherever a driver has put it.
  const isInside = cgroups.split(/[\n/]/).includes(basename(cgroupPath));
  if (isInside && identityOf(pid)?.startTime === process.startTime) return process;
  return await shims.findProcess(id, pid);
}
