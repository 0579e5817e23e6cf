import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { StatusError, hasCode, Code } from "@crib/errdefs";

import type { PluginIdentity } from "../plugin/plugin.ts";
import type { NriLog } from "../types.ts";

/** A plugin that is started with the daemon. */
export interface InstalledPlugin extends PluginIdentity {
  /** Absolute path of its program. */
  readonly path: string;
  /** Given to it as it is; empty where there is none. */
  readonly config: string;
}

const fileName = /^(\d\d)-([A-Za-z0-9_.+-]+)$/;
const wasmMagic = "\0asm";

/** The plugins of a directory, in the order of their names. What is none is passed over with a line in the log. No directory: none. */
export async function findPlugins(dir: string, configDir: string, log: NriLog): Promise<readonly InstalledPlugin[]> {
  const names = await readdir(dir).catch((error: unknown) => missing(error, dir));
  const plugins: InstalledPlugin[] = [];
  for (const name of (names ?? []).toSorted()) {
    const path = join(dir, name);
    try {
      const plugin = await examine(path, name, configDir, log);
      if (plugin !== undefined) plugins.push(plugin);
    } catch (error) {
      log("warn", "NRI plugin passed over", { path, why: (error as Error).message });
    }
  }
  return plugins;
}

async function examine(
  path: string,
  file: string,
  configDir: string,
  log: NriLog,
): Promise<InstalledPlugin | undefined> {
  const info = await stat(path);
  if (!info.isFile() || (info.mode & 0o111) === 0) return undefined;
  const [, index, name] = fileName.exec(file) ?? [];
  if (index === undefined || name === undefined) {
    log("warn", "NRI plugin passed over", { path, why: "its name is not like NN-name" });
    return undefined;
  }
  if (await isWasm(path)) {
    log("warn", "NRI plugin passed over", { path, why: "there is no WebAssembly engine" });
    return undefined;
  }
  const config =
    (await readIfThere(join(configDir, `${file}.conf`))) ?? (await readIfThere(join(configDir, `${name}.conf`))) ?? "";
  return { index, name, path, config };
}

async function isWasm(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(wasmMagic.length), 0, wasmMagic.length, 0);
  return buffer.toString("latin1", 0, bytesRead) === wasmMagic;
}

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: unknown) => missing(error, path));
}

function missing(error: unknown, path: string): undefined {
  const failure = StatusError.from(error, `reading "${path}"`);
  if (hasCode(failure, Code.NotFound)) return undefined;
  throw failure;
}
