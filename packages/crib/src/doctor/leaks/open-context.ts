import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { ownerOf } from "@crib/core/sandbox";

import { type ImageRows, readImageRows } from "./images/read-image-rows.ts";
import { findDaemon } from "./processes/daemon-process.ts";
import { type MarkedProcess, findMarkedProcesses } from "./processes/marked-processes.ts";
import { type ContainerRow, readRows } from "./records/read-rows.ts";
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
  const { rows, containers, unreadable } = await readRows(config.root);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const containersById = new Map(containers.map((row) => [row.id, row]));
  let marked: Promise<readonly MarkedProcess[]> | undefined;
  let daemon: Promise<number | undefined> | undefined;
  let images: Promise<ImageRows> | undefined;
  return {
    config,
    rows,
    containers,
    unreadable,
    row: (id) => byId.get(id),
    container: (id) => containersById.get(id),
    owns: (id) => instance !== undefined && ownerOf(id) === instance,
    unheld: (id: string, kind: Held): string | undefined => {
      const row = byId.get(id);
      const container = containersById.get(id);
      if (container) return unheldByContainer(container, kind);
      if (!row) return "no row has this id";
      // StopPodSandbox gave network and boundary back before it committed this state; only directories stay.
      const endsWithStop = kind === "network" || kind === "process";
      return row.state === "notready" && endsWithStop ? `pod "${row.name}" is stopped` : undefined;
    },
    marked: () => (marked ??= instance === undefined ? Promise.resolve([]) : findMarkedProcesses(instance)),
    hasDatabase: existsSync(join(config.root, "metadata.db")),
    images: () => (images ??= readImageRows(config.root)),
    daemon: () => (daemon ??= findDaemon(config.root)),
  };
}

function unheldByContainer({ name, state, isAhead }: ContainerRow, kind: Held): string | undefined {
  if (kind === "files") return undefined;
  if (state === "exited") return `container "${name}" has ended`;
  if (state === "created" && kind !== "rootfs" && !isAhead) return `container "${name}" was not started`;
  return undefined;
}
