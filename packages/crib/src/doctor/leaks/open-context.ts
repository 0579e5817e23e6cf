import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { ownerOf } from "@crib/core/sandbox";

import { type ImageRows, readImageRows } from "./images/read-image-rows.ts";
import { findDaemon } from "./processes/daemon-process.ts";
import { type MarkedProcess, findMarkedProcesses } from "./processes/marked-processes.ts";
import { readRows } from "./records/read-rows.ts";
import type { Held, LeakConfig, LeakContext } from "./types.ts";

/** Fills in what a leak configuration leaves open. */
export function fillLeakConfig(config: LeakConfig): Required<LeakConfig> {
  return {
    root: config.root,
    state: config.state,
    socket: config.socket ?? join(config.state, "crib.sock"),
    netnsDir: config.netnsDir ?? "/run/netns",
    cniConfDirs: config.cniConfDirs ?? ["/etc/cni/net.d"],
    ipamDirs: config.ipamDirs ?? ["/var/lib/cni/networks"],
    shimSocketDir: config.shimSocketDir ?? "/run/containerd/s",
    runtimeRoots: config.runtimeRoots ?? ["/run/containerd/runc"],
    namespace: config.namespace ?? "k8s.io",
    secondLookMs: config.secondLookMs ?? 300,
    keepPartialsMs: config.keepPartialsMs ?? 600_000,
  };
}

/** The ending of the ids of the daemon of this root; undefined when none ever started there. */
export async function readInstance(root: string): Promise<string | undefined> {
  try {
    const text = (await readFile(join(root, "instance"), "utf8")).trim();
    return /^[0-9a-f]{8}$/.test(text) ? text : undefined;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw reason;
  }
}

/** Reads whose things are sought and what the rows hold, as they are now. */
export async function openLeakContext(
  config: Required<LeakConfig>,
  instance: string | undefined,
): Promise<LeakContext> {
  const { rows, unreadable } = await readRows(config.root);
  const byId = new Map(rows.map((row) => [row.id, row]));
  let marked: Promise<readonly MarkedProcess[]> | undefined;
  let daemon: Promise<number | undefined> | undefined;
  let images: Promise<ImageRows> | undefined;
  return {
    config,
    rows,
    unreadable,
    row: (id) => byId.get(id),
    owns: (id) => instance !== undefined && ownerOf(id) === instance,
    unheld: (id: string, kind: Held): string | undefined => {
      const row = byId.get(id);
      if (!row) return "no row has this id";
      // StopPodSandbox gave network and boundary back before it committed this state; only directories stay.
      if (row.state === "notready" && kind !== "files") return `pod "${row.name}" is stopped`;
      return undefined;
    },
    marked: () => (marked ??= instance === undefined ? Promise.resolve([]) : findMarkedProcesses(instance)),
    hasDatabase: existsSync(join(config.root, "metadata.db")),
    images: () => (images ??= readImageRows(config.root)),
    daemon: () => (daemon ??= findDaemon(config.root)),
  };
}
