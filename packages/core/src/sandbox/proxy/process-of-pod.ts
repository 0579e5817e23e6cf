import { readFileSync, statSync } from "node:fs";

import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { identityOf } from "../../tasks/index.ts";

/**
 * Whether a process that a sandboxer has named is the pod's for certain: it is in the pod's cgroup, or in the network namespace that crib
 * has made for the pod. A pid that is meant for a guest can be that of any process of this host.
 */
export function isProcessOfPod({ pid, startTime }: ProcessIdentity, sandbox: Sandbox): boolean {
  const isOwn = isInCgroup(pid, `crib-${sandbox.id}`) || isInNetns(pid, sandbox.namespaces.net);
  // The same as before it was looked at: not another with its number.
  return isOwn && identityOf(pid)?.startTime === startTime;
}

function isInCgroup(pid: number, name: string): boolean {
  try {
    const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
    return lines.some((line) => line.split("/").some((part) => part === name || part === `${name}.scope`));
  } catch {
    return false; // it has ended
  }
}

function isInNetns(pid: number, path: string | undefined): boolean {
  if (path === undefined) return false;
  try {
    const [own, pods] = [statSync(`/proc/${pid}/ns/net`), statSync(path)];
    return own.dev === pods.dev && own.ino === pods.ino;
  } catch {
    return false; // it has ended
  }
}
