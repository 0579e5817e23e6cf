import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { parseJsonObject, type JsonObject } from "../json.ts";
import { isSinglePlugin, parseNetworkList, readPluginFolder, type NetworkList } from "./network-list.ts";

/** Where networks are read from. */
export interface LoadNetworksOptions {
  readonly dir: string;
  /** How many files, in order of their names, are read; 0 reads all; default 1. Files beyond are never opened. */
  readonly maxNetworks?: number;
}

const listExtensions: ReadonlySet<string> = new Set([".conf", ".conflist", ".json"]);
const maxFileBytes = 1024 * 1024;

/**
 * Reads the networks of a directory: files ending `.conf`, `.conflist` or `.json`, sorted by name, up to `maxNetworks`.
 * One that cannot be read or parsed fails the whole load, so that a broken first file never lets another network take its
 * place. `NotFound`, naming the directory, when there is no such file.
 */
export async function loadNetworks(options: LoadNetworksOptions): Promise<readonly NetworkList[]> {
  const { dir, maxNetworks = 1 } = options;
  if (!Number.isInteger(maxNetworks) || maxNetworks < 0)
    throw new StatusError(Code.InvalidArgument, `loading CNI configuration: maxNetworks ${maxNetworks} is no count`);
  const files = await listFiles(dir, listExtensions);
  if (files.length === 0)
    throw new StatusError(
      Code.NotFound,
      `loading CNI configuration: no ${[...listExtensions].join(", ")} file in ${JSON.stringify(dir)}`,
    );
  const chosen = maxNetworks === 0 ? files : files.slice(0, maxNetworks);
  return Promise.all(chosen.map((file) => loadFile(file)));
}

async function loadFile(file: string): Promise<NetworkList> {
  const text = await readText(file);
  const root = parseJsonObject(text, parsing(file));
  if (extname(file) === ".conflist" && isSinglePlugin(root))
    throw new StatusError(Code.InvalidArgument, `${parsing(file)}: a .conflist needs "plugins"`);
  const folder = readPluginFolder(root, parsing(file));
  return parseNetworkList(text, file, folder === undefined ? [] : await loadFolder(join(dirname(file), folder)));
}

/** Plugins that others drop into the folder named like the network (specification 1.1, `loadOnlyInlinedPlugins`). */
async function loadFolder(folder: string): Promise<readonly JsonObject[]> {
  const files = await listFiles(folder, new Set([".conf"]));
  return Promise.all(files.map(async (file) => parseJsonObject(await readText(file), parsing(file))));
}

async function listFiles(dir: string, extensions: ReadonlySet<string>): Promise<readonly string[]> {
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory() && extensions.has(extname(entry.name)))
      .map((entry) => join(dir, entry.name))
      .sort();
  } catch (reason) {
    const error = StatusError.from(reason, `reading CNI configuration directory ${JSON.stringify(dir)}`);
    if (hasCode(error, Code.NotFound)) return [];
    throw error;
  }
}

async function readText(file: string): Promise<string> {
  try {
    // Opening a FIFO would hold a thread of the pool for ever.
    const info = await stat(file);
    if (!info.isFile()) throw new StatusError(Code.InvalidArgument, "no regular file");
    if (info.size > maxFileBytes) throw new StatusError(Code.InvalidArgument, `larger than ${maxFileBytes} bytes`);
    return await readFile(file, "utf8");
  } catch (reason) {
    // A file that vanished or dangles is a broken configuration, not an absent one.
    const error = StatusError.from(reason, `reading CNI configuration ${JSON.stringify(file)}`);
    throw hasCode(error, Code.NotFound)
      ? new StatusError(Code.FailedPrecondition, error.message, { cause: reason })
      : error;
  }
}

function parsing(file: string): string {
  return `parsing CNI configuration ${JSON.stringify(file)}`;
}
