import { deepEqual, equal, notDeepEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);

const bundle = `(function (exports, require, module, __filename, __dirname) { "use strict";
  module.exports = { file: __filename, dir: __dirname, sep: require("node:path").sep };
})`;

/** What a daemon does; in a process of its own, since V8 remembers what it has compiled. */
const program = `
  import { requireWithCodeCache } from ${JSON.stringify(new URL("require-with-code-cache.ts", import.meta.url))};
  import { compiledChannel } from ${JSON.stringify(new URL("../daemon/keep-compiled.ts", import.meta.url))};
  console.log(JSON.stringify({ ...requireWithCodeCache(process.argv[1]), keeps: compiledChannel.hasSubscribers }));
  compiledChannel.publish(undefined);
`;

test("a bundle is run, from the second time on with what was compiled in the first", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-bundle-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "serve-1.cjs");
  writeFileSync(path, bundle);
  const load = async (): Promise<unknown> => {
    const env = { ...process.env, NODE_COMPILE_CACHE: join(dir, "cache") };
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program, path], { env });
    return JSON.parse(stdout);
  };
  const caches = (): readonly string[] => globSync(join(dir, "cache/*/serve-*"));
  const loaded = { file: path, dir, sep: "/" };

  deepEqual(await load(), { ...loaded, keeps: true });
  const [cache = ""] = caches();
  equal(caches().length, 1);
  const kept = readFileSync(cache);
  deepEqual(await load(), { ...loaded, keeps: false });

  // One that is cut short is refused by V8, and replaced.
  writeFileSync(cache, kept.subarray(0, kept.length / 2));
  deepEqual(await load(), { ...loaded, keeps: true });
  notDeepEqual(readFileSync(cache), kept.subarray(0, kept.length / 2));
  equal(caches().length, 1);
  deepEqual(await load(), { ...loaded, keeps: false });
});
