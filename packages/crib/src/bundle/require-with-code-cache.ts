import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { createRequire, getCompileCacheDir } from "node:module";
import { basename, dirname, join } from "node:path";
import { constants, Script } from "node:vm";

import { compiledChannel } from "../daemon/keep-compiled.ts";

/**
 * What a CommonJS bundle exports. The bundle is one expression, a function of `exports`, `require`, `module`, `__filename` and
 * `__dirname`, all ASCII, and its name has a hash of its content.
 *
 * Node's compile cache holds a module as it is before it runs: functions are compiled at each start again. This one holds what had run when
 * the daemon was ready. It is kept in Node's directory of it, and there is none where Node has none.
 */
export function requireWithCodeCache(path: string): unknown {
  const dir = getCompileCacheDir();
  // V8 compares no more than the length of the source, so that the hash in the name is what keeps the two together.
  const cachePath = dir === undefined ? undefined : join(dir, `${basename(path)}.cache`);
  const cachedData = cachePath === undefined ? undefined : readIfThere(cachePath);
  const script = new Script(readFileSync(path, "latin1"), {
    filename: path,
    ...(cachedData && { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  if (cachePath !== undefined && (cachedData === undefined || script.cachedDataRejected)) {
    const keep = (): void => {
      compiledChannel.unsubscribe(keep);
      void save(cachePath, script.createCachedData());
    };
    compiledChannel.subscribe(keep);
  }
  const requireOthers = createRequire(path);
  const requireFast = (id: string): unknown => process.getBuiltinModule(id) ?? requireOthers(id);
  const module: { readonly exports: unknown } = { exports: {} };
  const define = script.runInThisContext() as (...values: readonly unknown[]) => void;
  define(module.exports, requireFast, module, path, dirname(path));
  return module.exports;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // It is made anew.
    return undefined;
  }
}

/** Complete or not at all, since several daemons may do so at a time. */
async function save(path: string, data: Buffer): Promise<void> {
  try {
    const own = `${path}.${process.pid}`;
    await writeFile(own, data);
    await rename(own, path);
  } catch {
    // A cache that cannot be written costs the next start its time, and nothing else.
  }
}
