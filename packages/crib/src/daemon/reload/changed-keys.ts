import { isDeepStrictEqual } from "node:util";

import { parse } from "smol-toml";

import { renderConfig } from "../config/render-config.ts";
import type { DaemonConfig } from "../config/types.ts";

type Table = Readonly<Record<string, unknown>>;

/** Tables that a reload takes care of. */
const live: ReadonlySet<string> = new Set(["runtimes", "sandboxers"]);

/** The keys that two configurations differ in, as the file has them (`[cni] conf_dir`), without handlers and sandboxers. */
export function changedKeys(before: DaemonConfig, after: DaemonConfig): readonly string[] {
  return differences([], parse(renderConfig(before)), parse(renderConfig(after)));
}

function differences(path: readonly string[], before: Table, after: Table): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => {
    const [old, now] = [before[key], after[key]];
    if ((path.length === 0 && live.has(key)) || isDeepStrictEqual(old, now)) return [];
    if (isTable(old) && isTable(now)) return differences([...path, key], old, now);
    return [path.length === 0 ? key : `[${path.join(".")}] ${key}`];
  });
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
