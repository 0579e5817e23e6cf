import { deepEqual, equal } from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";

import type { ContainerRecord } from "../containers/types.ts";
import { newSandboxId } from "../sandbox/sandbox-id.ts";
import { type ContainerStore, openContainerStore, openDatabase, openRecordCopies, openSandboxStore } from "./index.ts";

function makeRecord(name: string): ContainerRecord {
  const id = newSandboxId("0badcafe");
  const plan = {
    sandboxId: newSandboxId("0badcafe"),
    name,
    pod: { name: "web", namespace: "ns", uid: "u" },
    snapshotKey: id,
    rootDir: `/r/${id}`,
    bundleDir: `/s/${id}`,
    cgroupPath: `/c/crib-${id}`,
  };
  const createdAt = new Date().toISOString();
  return {
    version: 1,
    id,
    name,
    state: "running",
    createdAt,
    bootId: "b",
    plan,
    facts: {},
    runs: [],
  } as unknown as ContainerRecord;
}

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-store-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function withStore(dir: string, use: (store: ContainerStore) => Promise<void> | void): Promise<void> {
  await using database = await openDatabase(join(dir, "metadata.db"));
  await use(await openContainerStore(database, openRecordCopies(join(dir, "containers"))));
}

test("a lost database is rebuilt from the copies, and of two of one name the other goes", async (t) => {
  const dir = await scratch(t);
  const first = makeRecord("app");
  await withStore(dir, async (store) => {
    store.insert(first);
    await store.copy(first.id);
    store.delete(first.id);
    store.insert(makeRecord("app"));
  });
  await withStore(dir, (store) => {
    equal(store.list().length, 2);
    equal(store.findByName("app")?.state, "running");
    equal(store.get(first.id).state, "removing");
  });
});

test("a bad row is quarantined, and no other kind of record takes it for its own", async (t) => {
  const dir = await scratch(t);
  const bad = makeRecord("bad");
  await withStore(dir, (store) => store.insert(bad));
  const sqlite = new DatabaseSync(join(dir, "metadata.db"));
  sqlite.prepare("UPDATE containers SET record = replace(record, 'running', 'runinng')").run();
  sqlite.close();
  for (let round = 0; round < 2; round++) {
    await withStore(dir, (store) =>
      deepEqual([store.list().length, store.quarantined.map(({ id }) => id)], [0, [bad.id]]),
    );
  }
  await using database = await openDatabase(join(dir, "metadata.db"));
  deepEqual((await openSandboxStore(database, openRecordCopies(join(dir, "sandboxes")))).quarantined, []);
});
