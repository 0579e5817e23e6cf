import { join } from "node:path";

import { idOfName } from "../id-names.ts";
import { listDir } from "../list-dir.ts";
import type { Finding, LeakContext, LeakCounter } from "../types.ts";
import { hasPeer, listVeths, type Veth } from "./links.ts";
import { listNetworkNamespaces, networkNamespaceInode } from "./namespaces.ts";
import { hostInterfaces, readCachedInterfaces, readNetworkSettings } from "./network-settings.ts";

/**
 * Host ends of veth pairs. Plugins name them at random, so they are attributed by their alias `crib-ID`, by the network
 * namespace that has the other end, by a CNI result that names them, or, when nobody can be found who has the other end,
 * by the bridge of one of our networks that they are plugged into.
 */
export const veths: LeakCounter = {
  name: "veths",
  async find(context): Promise<readonly Finding[]> {
    const rest = new Set(await listVeths());
    // Most are named by the result of a live pod: looking into namespaces costs a process each.
    for (const veth of rest) if (isHeldByRow(context, veth)) rest.delete(veth);
    if (rest.size === 0) return [];
    const findings: Finding[] = [];
    for (const attribute of [byAlias, byNamespace, byCache, byBridge]) {
      for (const [veth, { id, why }] of await attribute(context, rest)) {
        rest.delete(veth);
        const reason = id === undefined ? why : context.unheld(id, "network");
        if (reason === undefined) continue;
        const what = `veth ${veth.name}${veth.master === undefined ? "" : ` on ${veth.master}`} (${why})`;
        findings.push({
          counter: "veths",
          what,
          path: `/sys/class/net/${veth.name}`,
          why: reason,
          ...(id && { rowId: id }),
        });
      }
    }
    return findings;
  },
};

interface Attribution {
  readonly id?: string;
  readonly why: string;
}
type Attributed = ReadonlyMap<Veth, Attribution>;

function isHeldByRow({ rows, unheld }: LeakContext, veth: Veth): boolean {
  return rows.some(
    ({ id, results }) =>
      unheld(id, "network") === undefined &&
      results.some((result) => hostInterfaces(result, id).some((each) => isSame(each, veth))),
  );
}

function isSame(named: { readonly name: string; readonly mac: string }, veth: Veth): boolean {
  return named.name === veth.name && named.mac.toLowerCase() === veth.mac;
}

async function byAlias({ owns }: LeakContext, veths: Iterable<Veth>): Promise<Attributed> {
  const found = new Map<Veth, Attribution>();
  for (const veth of veths) {
    const id = idOfName(veth.alias ?? "");
    if (id !== undefined && owns(id)) found.set(veth, { id, why: "its alias names the pod" });
  }
  return found;
}

/** The other end is in a namespace pinned for one of our ids, or in that of one of our processes. */
async function byNamespace({ config, owns, marked }: LeakContext, veths: Iterable<Veth>): Promise<Attributed> {
  const candidates: { path: string; id: string }[] = [];
  for (const { name } of await listDir(config.netnsDir)) {
    const id = idOfName(name);
    if (id !== undefined && owns(id)) candidates.push({ path: join(config.netnsDir, name), id });
  }
  const own = await networkNamespaceInode("/proc/self/ns/net");
  for (const { pid, row } of await marked()) {
    const path = `/proc/${pid}/ns/net`;
    if ((await networkNamespaceInode(path)) !== own) candidates.push({ path, id: row });
  }
  const found = new Map<Veth, Attribution>();
  for (const { path, id } of candidates) {
    for (const veth of veths) {
      if (veth.isPeerElsewhere && !found.has(veth) && (await hasPeer(path, veth))) {
        found.set(veth, { id, why: `its other end is in ${path}` });
      }
    }
  }
  return found;
}

async function byCache({ config }: LeakContext, veths: Iterable<Veth>): Promise<Attributed> {
  const cached = await readCachedInterfaces(config.root);
  const found = new Map<Veth, Attribution>();
  for (const veth of veths) {
    const named = cached.find((each) => isSame(each, veth));
    if (named) found.set(veth, { id: named.id, why: "a cached CNI result names it" });
  }
  return found;
}

/** A namespace with neither name nor process: whoever made it is gone, and only our networks use the bridge. */
async function byBridge(context: LeakContext, veths: Iterable<Veth>): Promise<Attributed> {
  const { bridges } = await readNetworkSettings(context);
  const found = new Map<Veth, Attribution>();
  const suspects = [...veths].filter(({ master, isPeerElsewhere }) => isPeerElsewhere && bridges.has(master ?? ""));
  if (suspects.length === 0) return found;
  const namespaces = await listNetworkNamespaces();
  for (const veth of suspects) {
    const owners = await Promise.all(namespaces.map(({ path }) => hasPeer(path, veth)));
    if (!owners.includes(true)) found.set(veth, { why: "its other end is in a namespace without name and process" });
  }
  return found;
}
