import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { openTempDir } from "../testing/temp-dir.ts";
import { watchNetworks, type NetworkState, type NetworkWatch } from "./watch-networks.ts";

const list = (name: string): string => JSON.stringify({ cniVersion: "1.0.0", name, plugins: [{ type: "bridge" }] });

function namesOf(state: NetworkState): string {
  return state.networks.map((network) => network.name).join();
}

/** The first state, now or later, that is as wanted. */
async function until(watch: NetworkWatch, wanted: (state: NetworkState) => boolean): Promise<NetworkState> {
  const { promise, resolve } = Promise.withResolvers<NetworkState>();
  using _ = watch.subscribe((state) => wanted(state) && resolve(state));
  if (wanted(watch.current())) return watch.current();
  return await promise;
}

test("a file that is written, replaced by rename, or removed is noticed by its event", async () => {
  await using dir = await openTempDir();
  // The periodic look is far away, so only events can bring the change.
  await using watch = watchNetworks({ dir: dir.path, rescanMs: 60_000 });
  const empty = await watch.reload();
  deepEqual([empty.networks.length, empty.error?.code], [0, Code.NotFound]);
  ok(empty.error?.message.includes(dir.path));

  const file = join(dir.path, "10-a.conflist");
  await writeFile(file, list("a"));
  const loaded = await until(watch, (state) => namesOf(state) === "a");
  equal(loaded.error, undefined);
  ok(loaded.loadedAt instanceof Date);

  await writeFile(join(dir.path, "draft"), list("b"));
  await rename(join(dir.path, "draft"), file);
  await until(watch, (state) => namesOf(state) === "b");

  await rm(file);
  await until(watch, (state) => namesOf(state) === "" && state.error?.code === Code.NotFound);
});

test("a broken file keeps the last good networks and says why", async () => {
  await using dir = await openTempDir();
  const file = join(dir.path, "10-a.conflist");
  await writeFile(file, list("a"));
  await using watch = watchNetworks({ dir: dir.path });
  const good = await watch.reload();
  await writeFile(file, "{ broken");
  const broken = await watch.reload();
  equal(namesOf(broken), "a");
  equal(broken.loadedAt, good.loadedAt);
  match(broken.error?.message ?? "", /10-a\.conflist/);
  await writeFile(file, list("c"));
  const healed = await watch.reload();
  deepEqual([namesOf(healed), healed.error], ["c", undefined]);
});

test("a directory that is removed and made again is followed", async () => {
  await using dir = await openTempDir();
  const conf = join(dir.path, "net.d");
  await using watch = watchNetworks({ dir: conf, rescanMs: 100 });
  equal((await watch.reload()).error?.code, Code.NotFound);
  for (const name of ["a", "b"]) {
    await mkdir(conf);
    await writeFile(join(conf, "10.conflist"), list(name));
    await until(watch, (state) => namesOf(state) === name);
    await rm(conf, { recursive: true });
    await until(watch, (state) => namesOf(state) === "");
  }
});

test("events come from the new directory after the old one was replaced", async () => {
  await using dir = await openTempDir();
  const conf = join(dir.path, "net.d");
  await mkdir(conf);
  await using watch = watchNetworks({ dir: conf, rescanMs: 60_000 });
  await watch.reload();
  await rename(conf, join(dir.path, "old"));
  await mkdir(conf);
  await watch.reload();
  await writeFile(join(conf, "10.conflist"), list("new"));
  await until(watch, (state) => namesOf(state) === "new");
});

test("listeners hear of changes only, one that throws does not silence the others, and none is called after disposal", async () => {
  await using dir = await openTempDir();
  await writeFile(join(dir.path, "10.conflist"), list("a"));
  const heard: string[] = [];
  const warned = new Promise((resolve) => process.once("warning", resolve));
  const watch = watchNetworks({ dir: dir.path, rescanMs: 60_000 });
  watch.subscribe(() => {
    throw new Error("listener");
  });
  watch.subscribe((state) => heard.push(namesOf(state)));
  await watch.reload();
  await watch.reload();
  deepEqual(heard, ["a"]);
  ok(String(await warned).includes("listener"));
  await watch[Symbol.asyncDispose]();
  await writeFile(join(dir.path, "10.conflist"), list("b"));
  equal(namesOf(await watch.reload()), "a");
});
