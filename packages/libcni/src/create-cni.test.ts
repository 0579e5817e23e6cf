import { deepEqual, equal, match, rejects, throws } from "node:assert/strict";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import type { Cni, CniOptions } from "./cni.ts";
import { createCni } from "./create-cni.ts";
import type { PluginError } from "./plugin-error.ts";
import { attachment, listOf } from "./testing/fake-cni.ts";
import { writeFixturePlugins } from "./testing/fixture-plugins.ts";
import { openTempDir } from "./testing/temp-dir.ts";

const { signal } = new AbortController();

interface Bench extends AsyncDisposable {
  readonly cni: Cni;
  readonly log: string;
}

async function openBench(timeouts: NonNullable<CniOptions["timeouts"]> = {}): Promise<Bench> {
  const dir = await openTempDir();
  await writeFixturePlugins(dir.path);
  const log = join(dir.path, "LOG");
  const env = { PATH: "/usr/bin:/bin", LOG: log };
  const cni = createCni({ pluginDirs: [dir.path], cacheDir: join(dir.path, "cache"), env, timeouts });
  return { cni, log, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

test("real programs that misbehave give errors that name plugin, command and what happened", async () => {
  const expected = [
    ["fail-json", Code.InvalidArgument, /bad bridge; mtu too large \(CNI error 7\)$/],
    ["fail-silent", Code.Unknown, /exited with 3 without a message$/],
    ["fail-stderr", Code.Unknown, /exited with 2 without a message; stderr: "panic: nil map"$/],
    ["garbage", Code.Internal, /no JSON: .*"Segmentation fault \(core dumped\)\\n"$/],
    ["empty", Code.Internal, /reading its result: no JSON/],
    ["huge", Code.ResourceExhausted, /printed more than 1048576 bytes: "xxxx/],
    ["killed", Code.Unknown, /was killed by SIGSEGV without a message$/],
    ["wrong-version", Code.Internal, /cniVersion "9\.9\.9" is not supported/],
  ] as const;
  await using bench = await openBench();
  for (const [plugin, code, message] of expected) await expectFailedAdd(bench, plugin, code, message);
  // Every one of them can still be undone from the cache.
  equal((await bench.cni.cached()).length, expected.length);
});

test("a plugin that hangs is killed after its budget", async () => {
  await using bench = await openBench({ addMs: 300 });
  await expectFailedAdd(bench, "hang", Code.DeadlineExceeded, /killed after its budget of 300 ms/);
  equal((await bench.cni.cached()).length, 1);
});

async function expectFailedAdd({ cni }: Bench, plugin: string, code: Code, message: RegExp): Promise<void> {
  await rejects(cni.add(listOf([plugin]), { ...attachment, containerId: plugin }, signal), (error: PluginError) => {
    match(error.message, message);
    match(error.message, new RegExp(`plugin "${plugin}".* ADD`));
    deepEqual([error.code, error.plugin, error.command], [code, plugin, "ADD"], error.message);
    return true;
  });
}

test("what a plugin made before it failed is undone by DEL from the cache", async () => {
  await using bench = await openBench();
  await rejects(bench.cni.add(listOf(["half-way"]), attachment, signal), { code: Code.Unavailable, cniCode: 11 });
  await access(bench.log);
  await bench.cni.del(undefined, { ...attachment, netns: "" }, signal);
  await rejects(access(bench.log));
  deepEqual(await bench.cni.cached(), []);
});

test("a plugin that reads /dev/stdin gets its configuration, first to last", async () => {
  await using bench = await openBench();
  const list = listOf(["echo"], { cniVersion: "1.0.0", config: { filler: "y".repeat(100_000) } });
  const result = await bench.cni.add(list, attachment, signal);
  deepEqual(result.ips, [{ address: "10.231.1.2/24" }]);
  await bench.cni.del(list, attachment, signal);
  const lines = (await readFile(bench.log, "utf8")).trimEnd().split("\n");
  deepEqual(
    lines.map((line) => line.slice(0, 4)),
    ["ADD ", "DEL "],
  );
  const config = JSON.parse(lines[1]?.slice(4) ?? "") as { filler: string; prevResult: { ips: unknown } };
  equal(config.filler.length, 100_000);
  deepEqual(config.prevResult.ips, [{ address: "10.231.1.2/24" }]);
});

test("a plugin directory that would be read as two is refused", () => {
  for (const dir of ["relative/bin", "/opt/cni:/tmp"])
    throws(() => createCni({ pluginDirs: [dir], cacheDir: "/nowhere" }), {
      code: Code.InvalidArgument,
      message: /plugin directory .* is no absolute path without ":"/,
    });
});
