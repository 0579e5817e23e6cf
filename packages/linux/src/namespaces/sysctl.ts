import { closeSync, constants, openSync, writeSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { attempt } from "../libc/errno-error.ts";
import type { ThreadNamespaceKind } from "./namespace-kind.ts";

/** IPC sysctls, from ipc_namespaces(7). */
const ipcNames: ReadonlySet<string> = new Set([
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
]);

/**
 * The path of a sysctl below /proc/sys. As sysctl(8) reads names, the first separator decides: in `net.ipv4.conf.eth0/1`
 * dots separate and the slash stands for a dot; in `net/ipv4/conf/eth0.1` it is the other way round.
 */
export function sysctlPath(name: string): string {
  const separator = /[./]/.exec(name)?.[0];
  const path = separator === "/" ? name : name.replaceAll(/[./]/g, (found) => (found === "." ? "/" : "."));
  if (path.includes("\0") || path.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw new StatusError(Code.InvalidArgument, `reading sysctl name "${name}": not a name`);
  }
  return path;
}

/** The kind of namespace that owns a sysctl; undefined for one of the whole host, which no pod may set. */
export function sysctlNamespace(name: string): ThreadNamespaceKind | undefined {
  const path = sysctlPath(name);
  if (path.startsWith("net/")) return "net";
  if (path.startsWith("fs/mqueue/") || ipcNames.has(path)) return "ipc";
  if (path === "kernel/hostname" || path === "kernel/domainname") return "uts";
  return undefined;
}

/**
 * Writes a sysctl of the namespaces that the calling thread is in. Synchronous on purpose: /proc/sys shows the
 * namespaces of the thread that opens it, and the thread pool stays in the host's.
 */
export function writeSysctl(name: string, value: string): void {
  const path = `/proc/sys/${sysctlPath(name)}`;
  attempt(`writing sysctl "${name}"`, () => {
    const fd = openSync(path, constants.O_WRONLY);
    try {
      writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  });
}
