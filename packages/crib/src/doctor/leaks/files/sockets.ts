import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { listDir } from "../list-dir.ts";
import { openTargets } from "../processes/daemon-process.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { findKnownIds } from "./known-ids.ts";

/** Sockets that a daemon makes anew, at the same path, at each start. */
const ownSockets = ["crib.sock", "events.sock", "nri.sock"];

/**
 * Sockets of shims, by the process that holds them or by their name, which is a hash of daemon address, namespace and
 * id; and sockets in the state directory that are not the daemon's own.
 */
export const sockets: LeakCounter = {
  name: "sockets",
  async find(context): Promise<readonly Finding[]> {
    const byPath = new Map<string, Finding>();
    for (const finding of [
      ...(await findByName(context)),
      ...(await findByHolder(context)),
      ...(await findInState(context)),
    ]) {
      if (finding.path !== undefined && !byPath.has(finding.path)) byPath.set(finding.path, finding);
    }
    return [...byPath.values()];
  },
};

async function findByName(context: LeakContext): Promise<readonly Finding[]> {
  const { config, unheld } = context;
  const idByName = new Map<string, string>();
  for (const id of await findKnownIds(context)) {
    if (unheld(id, "files") !== undefined) idByName.set(socketName(config.socket, config.namespace, id), id);
  }
  return (await listDir(config.shimSocketDir)).flatMap(({ name }) => {
    const id = idByName.get(name);
    if (id === undefined) return [];
    const path = join(config.shimSocketDir, name);
    return [{ counter: "sockets", what: "socket of a shim", path, why: unheld(id, "files") ?? "", rowId: id }];
  });
}

/** As the runc shim names it: SHA-256 of the three, joined as a path. */
function socketName(address: string, namespace: string, id: string): string {
  return createHash("sha256")
    .update(join(address, namespace, id))
    .digest("hex");
}

async function findByHolder({ config, unheld, marked }: LeakContext): Promise<readonly Finding[]> {
  const leaked = (await marked()).filter(({ row, isShim }) => isShim && unheld(row, "files") !== undefined);
  if (leaked.length === 0) return [];
  const pathByInode = await boundPaths();
  const findings: Finding[] = [];
  for (const { pid, row } of leaked) {
    for (const target of await openTargets(pid)) {
      const path = pathByInode.get(/^socket:\[(\d+)\]$/.exec(target)?.[1] ?? "");
      if (path === undefined || dirname(path) !== config.shimSocketDir) continue;
      findings.push({
        counter: "sockets",
        what: "socket of a shim",
        path,
        pid,
        why: unheld(row, "files") ?? "",
        rowId: row,
      });
    }
  }
  return findings;
}

/** Paths of the unix sockets of this network namespace, by inode number (proc_net(5)). */
async function boundPaths(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile("/proc/net/unix", "utf8");
  const lines = text.split("\n").map((line) => /^(?:\S+\s+){6}(?<inode>\d+) (?<path>\/.*)$/.exec(line)?.groups);
  return new Map(lines.flatMap((groups) => (groups ? [[groups["inode"] ?? "", groups["path"] ?? ""] as const] : [])));
}

async function findInState({ config }: LeakContext): Promise<readonly Finding[]> {
  const own = new Set([...ownSockets, basename(config.socket)]);
  return (await listDir(config.state))
    .filter((entry) => entry.isSocket() && !own.has(entry.name))
    .map(({ name }) => ({
      counter: "sockets",
      what: "socket",
      path: join(config.state, name),
      why: "it is in our state directory and not one of the daemon's",
    }));
}
