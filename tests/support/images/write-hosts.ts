import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { toToml, type TomlValue } from "../to-toml.ts";

/** Says in `dir`, by the layout `HOST/hosts.toml`, where a registry's images come from. `_default` is for every registry. */
export function writeHosts(dir: string, registry: string, settings: Readonly<Record<string, TomlValue>>): void {
  mkdirSync(join(dir, registry), { recursive: true });
  writeFileSync(join(dir, registry, "hosts.toml"), toToml(settings));
}

/** Sends every registry to one: names of images need no host that exists. */
export function mirrorAll(dir: string, url: string): void {
  writeHosts(dir, "_default", { host: { [url]: { capabilities: ["pull", "resolve"] } } });
}
