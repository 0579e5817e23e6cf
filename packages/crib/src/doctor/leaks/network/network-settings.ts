import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { listDir } from "../list-dir.ts";
import type { LeakContext } from "../types.ts";

/** What the CNI configurations that this daemon uses or used say of the host. */
export interface NetworkSettings {
  /** Names of bridges. */
  readonly bridges: ReadonlySet<string>;
  /** Data directories of the host-local plugin, the default ones included. */
  readonly ipamDirs: ReadonlySet<string>;
}

/** A host interface that a CNI result names. */
export interface ResultInterface {
  readonly name: string;
  readonly mac: string;
  readonly id: string;
}

/** Gathers bridges and IPAM directories from the plans of rows, the CNI cache, and the configuration directories. */
export async function readNetworkSettings({ config, rows }: LeakContext): Promise<NetworkSettings> {
  const found = { bridges: new Set<string>(), ipamDirs: new Set(config.ipamDirs) };
  const texts = [
    ...rows.flatMap(({ networkConfigs }) => networkConfigs),
    ...(await readCache(config.root)).map(({ config: encoded }) => Buffer.from(encoded ?? "", "base64").toString()),
    ...(await readConfDirs(config.cniConfDirs)),
  ];
  for (const text of new Set(texts)) collect(tryParse(text), found);
  return found;
}

/** The host interfaces of attachments in the CNI cache. */
export async function readCachedInterfaces(root: string): Promise<readonly ResultInterface[]> {
  const cached = await readCache(root);
  return cached.flatMap(({ containerId, result }) => hostInterfaces(result, containerId ?? ""));
}

/** The interfaces of a CNI result that are in no sandbox. */
export function hostInterfaces(result: unknown, id: string): readonly ResultInterface[] {
  const { interfaces } = (result ?? {}) as { readonly interfaces?: unknown };
  if (!Array.isArray(interfaces)) return [];
  return (
    interfaces as readonly { readonly name?: unknown; readonly mac?: unknown; readonly sandbox?: unknown }[]
  ).flatMap(({ name, mac, sandbox }) =>
    typeof name === "string" && typeof mac === "string" && !sandbox ? [{ name, mac, id }] : [],
  );
}

interface CacheFile {
  readonly containerId?: string;
  readonly config?: string;
  readonly result?: unknown;
}

async function readCache(root: string): Promise<readonly CacheFile[]> {
  const dir = join(root, "cni", "results");
  const entries = await listDir(dir);
  const texts = await Promise.all(entries.map(({ name }) => readFile(join(dir, name), "utf8").catch(() => "")));
  return texts.map((text) => (tryParse(text) ?? {}) as CacheFile);
}

async function readConfDirs(dirs: readonly string[]): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const dir of dirs) {
    for (const { name } of await listDir(dir)) {
      if (/\.(?:conf|conflist|json)$/.test(name)) texts.push(await readFile(join(dir, name), "utf8").catch(() => ""));
    }
  }
  return texts;
}

/** A configuration that does not parse attaches no pod, so it names nothing of ours. */
function tryParse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function collect(value: unknown, found: { readonly bridges: Set<string>; readonly ipamDirs: Set<string> }): void {
  if (typeof value !== "object" || value === null) return;
  for (const [key, each] of Object.entries(value)) {
    if (key === "bridge" && typeof each === "string") found.bridges.add(each);
    else if (key === "dataDir" && typeof each === "string") found.ipamDirs.add(each);
    else collect(each, found);
  }
}
