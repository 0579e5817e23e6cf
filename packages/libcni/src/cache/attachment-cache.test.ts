import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseNetworkList } from "../config/network-list.ts";
import { openTempDir } from "../testing/temp-dir.ts";
import { AttachmentCache } from "./attachment-cache.ts";
import type { CachedAttachment } from "./cache-entry.ts";

const list = parseNetworkList('{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge"}]}');
const entry: CachedAttachment = {
  networkName: "pods",
  containerId: "c1",
  ifName: "eth0",
  netns: "/run/netns/x",
  args: [["K8S_POD_NAME", "web"]],
  capabilityArgs: { portMappings: [{ hostPort: 80 }] },
  list,
};
const result = { cniVersion: "1.1.0", interfaces: [], ips: [{ address: "10.0.0.2/24" }], routes: [], dns: {} } as const;

test("an entry comes back as it was, with and without result", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create(entry);
  const made = await cache.read(entry);
  ok(made.kind === "found");
  deepEqual({ ...made.entry, list }, entry);
  equal(made.entry.list.bytes, list.bytes);
  await cache.update({ ...entry, result });
  const updated = await cache.read(entry);
  ok(updated.kind === "found");
  deepEqual(updated.entry.result, result);
  await cache.remove(entry);
  await cache.remove(entry);
  deepEqual(await cache.read(entry), { kind: "absent" });
});

test("the file is libcni's, private, and nothing else is left beside it", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create(entry);
  await cache.update({ ...entry, result });
  deepEqual(await readdir(cache.dir), ["pods-c1-eth0"]);
  const file = join(cache.dir, "pods-c1-eth0");
  equal((await stat(file)).mode & 0o777, 0o600);
  equal((await stat(cache.dir)).mode & 0o777, 0o700);
  deepEqual(JSON.parse(await readFile(file, "utf8")), {
    kind: "cniCacheV1",
    containerId: "c1",
    config: Buffer.from(list.bytes).toString("base64"),
    ifName: "eth0",
    networkName: "pods",
    netns: "/run/netns/x",
    cniArgs: [["K8S_POD_NAME", "web"]],
    capabilityArgs: { portMappings: [{ hostPort: 80 }] },
    result: {
      cniVersion: "0.4.0",
      interfaces: [],
      ips: [{ version: "4", address: "10.0.0.2/24" }],
      routes: [],
      dns: {},
    },
  });
});

test("an attachment that is there is not overwritten by a new one", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create({ ...entry, result });
  await rejects(cache.create(entry), { code: Code.AlreadyExists });
  const state = await cache.read(entry);
  ok(state.kind === "found" && state.entry.result !== undefined);
  deepEqual(await readdir(cache.dir), ["pods-c1-eth0"]);
});

test("two attachments with the same file name are not taken for each other", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create({ ...entry, networkName: "a-b", containerId: "c" });
  deepEqual(await cache.read({ networkName: "a", containerId: "b-c", ifName: "eth0" }), { kind: "absent" });
  deepEqual(await cache.find("b-c", "eth0"), []);
  equal((await cache.find("c", "eth0")).length, 1);
});

test("a file that cannot be read is reported with its name; a bad result alone is only missing", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create({ ...entry, result });
  const file = join(cache.dir, "pods-c1-eth0");
  const good = await readFile(file, "utf8");
  await writeFile(file, good.replace("10.0.0.2/24", "garbage"));
  const state = await cache.read(entry);
  ok(state.kind === "found" && state.entry.result === undefined);
  for (const text of ["", "{", '{"kind":"other"}', good.replace(/"config":"[^"]*"/, '"config":"e30="')]) {
    await writeFile(file, text);
    const broken = await cache.read(entry);
    ok(broken.kind === "unreadable");
    equal(broken.error.code, Code.DataLoss);
    ok(broken.error.message.includes(file));
  }
  await rm(file);
  await mkdir(file);
  equal((await cache.read(entry)).kind, "unreadable");
  deepEqual(
    (await cache.list()).map((one) => one.kind),
    ["unreadable"],
  );
});

test("drafts of a killed process go, a removed directory comes back", async () => {
  await using dir = await openTempDir();
  const first = new AttachmentCache(dir.path);
  await first.create(entry);
  const old = join(first.dir, ".tmp-old");
  await writeFile(old, "");
  await utimes(old, new Date(0), new Date(0));
  await writeFile(join(first.dir, ".tmp-young"), "");
  const cache = new AttachmentCache(dir.path);
  await cache.update(entry);
  deepEqual((await readdir(cache.dir)).toSorted(), [".tmp-young", "pods-c1-eth0"]);
  await rm(cache.dir, { recursive: true });
  deepEqual(await cache.list(), []);
  await cache.create(entry);
  equal((await cache.list()).length, 1);
});

test("a draft that a killed process left goes with its attachment", async () => {
  await using dir = await openTempDir();
  const cache = new AttachmentCache(dir.path);
  await cache.create(entry);
  const draft = join(cache.dir, `.tmp-${entry.networkName}-${entry.containerId}-${entry.ifName}`);
  await writeFile(draft, "half");
  await cache.update(entry);
  await writeFile(draft, "half");
  await cache.remove(entry);
  deepEqual(await readdir(cache.dir), []);
});
