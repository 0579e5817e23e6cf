import { Code, StatusError } from "@crib/errdefs";

import { checkNetworkName } from "../attachment.ts";
import { isJsonObject, parseJsonObject, quote, type JsonObject } from "../json.ts";
import { highestSupported, isAtLeast, isSupportedVersion, type CniVersion } from "../version.ts";

/** One plugin of a list. */
export interface PluginConfig {
  /** The file name of its binary: no path, never empty. */
  readonly type: string;
  /** The capability arguments it wants in `runtimeConfig`. */
  readonly capabilities: ReadonlySet<string>;
  /** The configuration as written, unknown keys included. */
  readonly config: JsonObject;
}

/** A network: one parsed and validated configuration list (specification, "Section 1: Network configuration format"). */
export interface NetworkList {
  readonly name: string;
  /** The highest version that the list declares and this library speaks. */
  readonly cniVersion: CniVersion;
  /** All versions that the list declares and this library speaks, never empty. */
  readonly cniVersions: readonly CniVersion[];
  /** In the order of ADD; never empty. */
  readonly plugins: readonly PluginConfig[];
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** JSON text of the whole list, always in list form with every plugin inlined; parsing it gives an equal list and the same text. */
  readonly bytes: string;
  /** The file it was read from, or `inline`. */
  readonly source: string;
}

/**
 * Parses a configuration list, or a single plugin's configuration, which becomes a list of one.
 * `folderPlugins` are single configurations to append, found in the folder named like the network; they are ignored when
 * the list says `loadOnlyInlinedPlugins`. Fails `InvalidArgument` naming source and field, or `FailedPrecondition` when no
 * declared version is supported.
 */
export function parseNetworkList(
  text: string,
  source = "inline",
  folderPlugins: readonly JsonObject[] = [],
): NetworkList {
  const doing = `parsing CNI configuration ${JSON.stringify(source)}`;
  return buildNetworkList(parseJsonObject(text, doing), source, folderPlugins);
}

/** The same list with `cniVersion` as its only version, for when a plugin does not speak the highest. */
export function withVersion(list: NetworkList, version: CniVersion): NetworkList {
  const { cniVersions: _, ...rest } = parseJsonObject(list.bytes, `lowering network "${list.name}"`);
  return buildNetworkList({ ...rest, cniVersion: version }, list.source, []);
}

/** Which folder's plugins a parsed configuration wants: that named like the network, or none when all are inlined. */
export function readPluginFolder(root: JsonObject, doing: string): string | undefined {
  const name = checkNetworkName(root["name"], doing);
  return isSinglePlugin(root) || readFlag(root, "loadOnlyInlinedPlugins", doing) ? undefined : name;
}

/** Whether a parsed configuration is that of one plugin, as `.conf` files have it, and no list. */
export function isSinglePlugin(root: JsonObject): boolean {
  return "type" in root && !("plugins" in root);
}

function buildNetworkList(root: JsonObject, source: string, folderPlugins: readonly JsonObject[]): NetworkList {
  const doing = `parsing CNI configuration ${JSON.stringify(source)}`;
  const list = isSinglePlugin(root) ? wrapSingle(root) : root;
  const name = checkNetworkName(list["name"], doing);
  const loadOnlyInlinedPlugins = readFlag(list, "loadOnlyInlinedPlugins", doing);
  const inlined = readPlugins(list, doing);
  const raw = loadOnlyInlinedPlugins ? inlined : [...inlined, ...folderPlugins];
  if (raw.length === 0) throw new StatusError(Code.InvalidArgument, `${doing}: network "${name}" has no plugins`);
  const cniVersions = readVersions(list, doing);
  const cniVersion = highestSupported(cniVersions, doing);
  // Everything is inlined from here on; without the mark a second parse could append the folder's plugins again.
  const whole = { ...list, cniVersion, name, plugins: raw, loadOnlyInlinedPlugins: true };
  return {
    name,
    cniVersion,
    cniVersions: supportedOf(cniVersions),
    plugins: raw.map((plugin, index) => readPlugin(plugin, `${doing}: plugins[${index}]`)),
    disableCheck: readFlag(list, "disableCheck", doing),
    disableGC: readFlag(list, "disableGC", doing),
    bytes: stringify(whole, doing),
    source,
  };
}

function wrapSingle(plugin: JsonObject): JsonObject {
  const { cniVersions, ...rest } = plugin;
  return {
    ...("cniVersion" in plugin ? { cniVersion: plugin["cniVersion"] } : {}),
    ...(cniVersions === undefined ? {} : { cniVersions }),
    name: plugin["name"],
    plugins: [rest],
  };
}

function readPlugins(list: JsonObject, doing: string): readonly JsonObject[] {
  const plugins = list["plugins"] ?? [];
  if (!Array.isArray(plugins))
    throw new StatusError(Code.InvalidArgument, `${doing}: plugins ${quote(plugins)} is no array`);
  for (const [index, plugin] of plugins.entries())
    if (!isJsonObject(plugin))
      throw new StatusError(Code.InvalidArgument, `${doing}: plugins[${index}] ${quote(plugin)} is no object`);
  return plugins as JsonObject[];
}

function readPlugin(config: JsonObject, doing: string): PluginConfig {
  const { type, capabilities } = config;
  if (typeof type !== "string" || type === "")
    throw new StatusError(Code.InvalidArgument, `${doing}: type ${quote(type)} is no plugin name`);
  checkPluginType(type, doing);
  const wanted = new Set<string>();
  if (capabilities !== undefined && capabilities !== null) {
    if (!isJsonObject(capabilities))
      throw new StatusError(Code.InvalidArgument, `${doing}: capabilities ${quote(capabilities)} is no object`);
    for (const [key, on] of Object.entries(capabilities)) {
      if (typeof on !== "boolean")
        throw new StatusError(Code.InvalidArgument, `${doing}: capabilities[${quote(key)}] ${quote(on)} is no boolean`);
      if (on) wanted.add(key);
    }
  }
  return { type, capabilities: wanted, config };
}

/** Refuses a plugin type that is more than a file name: it would run any program of the host (CVE-2021-20206). */
export function checkPluginType(type: string, doing: string): void {
  if (/^[a-zA-Z0-9_][a-zA-Z0-9_.+-]*$/.test(type) && type.length <= 255) return;
  throw new StatusError(Code.InvalidArgument, `${doing}: plugin type ${quote(type)} is no plain file name`);
}

function readVersions(list: JsonObject, doing: string): readonly string[] {
  const { cniVersion, cniVersions } = list;
  if (cniVersion !== undefined && typeof cniVersion !== "string")
    throw new StatusError(Code.InvalidArgument, `${doing}: cniVersion ${quote(cniVersion)} is no string`);
  if (cniVersions !== undefined && (!Array.isArray(cniVersions) || cniVersions.some((one) => typeof one !== "string")))
    throw new StatusError(Code.InvalidArgument, `${doing}: cniVersions ${quote(cniVersions)} is no array of strings`);
  const declared = [...((cniVersions as string[] | undefined) ?? [])];
  if (cniVersion !== undefined && cniVersion !== "") declared.push(cniVersion);
  // A configuration without a version is one of before versions existed.
  return declared.length === 0 ? ["0.1.0"] : [...new Set(declared)];
}

function supportedOf(versions: readonly string[]): readonly CniVersion[] {
  return versions.filter(isSupportedVersion).sort((a, b) => (isAtLeast(a, b) ? 1 : -1));
}

function readFlag(list: JsonObject, key: string, doing: string): boolean {
  const value = list[key];
  switch (value) {
    case undefined:
    case false:
    case "false":
      return false;
    case true:
    case "true":
      return true;
    default:
      throw new StatusError(Code.InvalidArgument, `${doing}: ${key} ${quote(value)} is neither true nor false`);
  }
}

function stringify(value: JsonObject, doing: string): string {
  try {
    return JSON.stringify(value);
  } catch (reason) {
    throw new StatusError(Code.InvalidArgument, `${doing}: nested too deep`, { cause: reason });
  }
}
