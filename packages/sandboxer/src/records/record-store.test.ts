import { deepEqual, equal, rejects } from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { mount, umount } from "@crib/linux";

import { deriveSandbox } from "../derive/derive-sandbox.ts";
import { RecordStore } from "./record-store.ts";
import type { SandboxRecord } from "./sandbox-record.ts";

async function openStore(t: TestContext): Promise<{ readonly store: RecordStore; readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "crib-records-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return { store: new RecordStore(dir), dir };
}

function recordOf(sandboxId: string): SandboxRecord {
  const request = {
    sandboxId,
    options: undefined,
    netnsPath: "",
    annotations: {},
    runtimeHandler: "",
    sandbox: undefined,
  };
  return {
    phase: "started",
    bootId: "boot",
    sandbox: deriveSandbox(request, { rootDir: "/r", stateDir: "/s" }),
    instance: { createdAt: new Date(5), labels: {}, namespaces: { ipc: "/i" }, process: { pid: 1, startTime: 2 } },
    exit: { exitCode: 3, exitedAt: new Date(6) },
    tasks: [],
  };
}

test("a record comes back as it was written, and nothing is left beside it", async (t) => {
  const { store, dir } = await openStore(t);
  await store.write(recordOf("a"));
  await store.write(recordOf("a"));
  deepEqual(await readdir(join(dir, "a")), ["record.json"]);
  equal((await stat(join(dir, "a"))).mode & 0o777, 0o700);
  deepEqual((await store.readAll()).records, [recordOf("a")]);
  await store.remove("a");
  await store.remove("a");
  deepEqual(await store.readAll(), { records: [], unreadable: [] });
});

test("a record that was cut off, changed or moved is set aside, and the others are read", async (t) => {
  const { store, dir } = await openStore(t);
  for (const id of ["changed", "cut", "good", "moved", "old"]) await store.write(recordOf(id));
  const change = async (id: string, edit: (text: string) => string): Promise<void> => {
    const file = join(dir, id, "record.json");
    await writeFile(file, edit(await readFile(file, "utf8")));
  };
  await change("cut", (text) => text.slice(0, 100));
  await change("changed", (text) => text.replace('"pid": 1', '"pid": 2'));
  await change("moved", (text) => text.replaceAll('"id": "moved"', '"id": "other"'));
  await change("old", () => "null");
  await mkdir(join(dir, "empty"));
  const { records, unreadable } = await store.readAll();
  deepEqual(
    records.map(({ sandbox }) => sandbox.id),
    ["good"],
  );
  deepEqual(
    unreadable.map(({ id, reason }) => [id, reason.code]),
    ["changed", "cut", "moved", "old"].map((id) => [id, Code.DataLoss]),
  );
  deepEqual((await store.readAll()).unreadable, []);
});

test("a directory with a mount in it is not removed", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
  const { store, dir } = await openStore(t);
  await store.write(recordOf("a"));
  const inside = join(dir, "a", "m");
  await mkdir(inside);
  await mount({ type: "tmpfs", source: "tmpfs", target: inside });
  try {
    await rejects(store.remove("a"), { code: Code.FailedPrecondition, message: /still mounted/ });
  } finally {
    await umount(inside);
  }
  await store.remove("a");
});
