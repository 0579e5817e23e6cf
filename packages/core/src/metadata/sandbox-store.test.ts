import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { newSandboxId } from "../sandbox/sandbox-id.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { canonicalJson, openDatabase, openRecordCopies, openSandboxStore, type SandboxStore } from "./index.ts";

function makeRecord(name: string, state: SandboxRecord["state"] = "ready"): SandboxRecord {
  const id = newSandboxId("0badcafe");
  const plan = {
    pod: { name, namespace: "ns", uid: "u", attempt: 0 },
    handler: { name: "runc", controller: "podsandbox" },
    networks: [],
    ownedCgroups: [],
    rootDir: "/r",
    stateDir: "/s",
  };
  return {
    version: 1,
    id,
    name,
    state,
    createdAt: new Date().toISOString(),
    bootId: "b",
    plan,
    facts: {},
    runs: [],
  } as unknown as SandboxRecord;
}

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-store-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

async function withStore<T>(
  dir: string,
  use: (store: SandboxStore, setAside: string | undefined) => Promise<T> | T,
): Promise<T> {
  await using database = await openDatabase(join(dir, "metadata.db"));
  const store = await openSandboxStore(database, openRecordCopies(join(dir, "sandboxes")));
  return await use(store, database.setAside);
}

test("records survive, names are held by one id, absence of a delete is success", async (t) => {
  const dir = await scratch(t);
  const record = makeRecord("a");
  await withStore(dir, (store) => {
    store.insert(record);
    throws(
      () => store.insert(makeRecord("a")),
      (error: StatusError) => error.code === Code.AlreadyExists && error.message.includes(record.id),
    );
    store.replace({ ...record, state: "notready" });
    store.delete("0".repeat(64));
  });
  await withStore(dir, (store) => {
    equal(store.findByName("a")?.state, "notready");
    store.delete(record.id);
    equal(store.findByName("a"), undefined);
  });
  await withStore(dir, (store) => equal(store.list().length, 0));
});

test("prefixes find, ambiguous and empty ones are refused", async (t) => {
  const dir = await scratch(t);
  await withStore(dir, (store) => {
    const first = { ...makeRecord("a"), id: "aa1" + "0".repeat(61) };
    const second = { ...makeRecord("b"), id: "aa2" + "0".repeat(61) };
    store.insert(first);
    store.insert(second);
    equal(store.get("aa1").id, first.id);
    for (const [id, code] of [
      ["aa", Code.InvalidArgument],
      ["", Code.InvalidArgument],
      ["b", Code.NotFound],
    ] as const) {
      throws(
        () => store.get(id),
        (error: StatusError) => error.code === code,
      );
    }
  });
});

test("a lost database is rebuilt from the copies", async (t) => {
  const dir = await scratch(t);
  const record = makeRecord("a");
  await withStore(dir, async (store) => {
    store.insert(record);
    await store.copy(record.id);
  });
  for (const name of await readdir(dir)) if (name.startsWith("metadata.db")) await rm(join(dir, name));
  await withStore(dir, (store) => deepEqual(store.list(), [record]));
});

test("an unreadable database is kept aside and rebuilt", async (t) => {
  const dir = await scratch(t);
  const record = makeRecord("a");
  await withStore(dir, async (store) => {
    store.insert(record);
    await store.copy(record.id);
  });
  await writeFile(join(dir, "metadata.db"), Buffer.alloc(8192, 7));
  await withStore(dir, (store, setAside) => {
    deepEqual(store.list(), [record]);
    ok(setAside?.includes("unreadable"));
  });
  ok((await readdir(dir)).some((name) => name.includes("unreadable")));
});

test("a bad row is replaced by its copy, or quarantined and never erased", async (t) => {
  const dir = await scratch(t);
  const good = makeRecord("good");
  const bad = makeRecord("bad");
  const copied = makeRecord("copied");
  await withStore(dir, async (store) => {
    for (const record of [good, bad, copied]) store.insert(record);
    await store.copy(copied.id);
  });
  const sqlite = new DatabaseSync(join(dir, "metadata.db"));
  sqlite
    .prepare("UPDATE sandboxes SET record = replace(record, 'ready', 'raedy') WHERE id IN (?, ?)")
    .run(bad.id, copied.id);
  sqlite.close();
  for (let round = 0; round < 2; round++) {
    await withStore(dir, (store) => {
      deepEqual(
        store
          .list()
          .map((record) => record.name)
          .toSorted(),
        ["copied", "good"],
      );
      deepEqual(
        store.quarantined.map((entry) => entry.id),
        [bad.id],
      );
    });
  }
});

test("200 random mutations of the database never stop the start nor lose a copied record", async (t) => {
  const dir = await scratch(t);
  const records = Array.from({ length: 5 }, (_, index) => makeRecord(`pod${index}`));
  await withStore(dir, async (store) => {
    for (const record of records) {
      store.insert(record);
      await store.copy(record.id);
    }
  });
  let seed = 42;
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % below;
  const pristine = await readFile(join(dir, "metadata.db"));
  for (let round = 0; round < 200; round++) {
    for (const name of await readdir(dir))
      if (name.startsWith("metadata.db")) await rm(join(dir, name), { force: true });
    const bytes = Buffer.from(pristine);
    for (let flips = random(20) + 1; flips > 0; flips--) bytes[random(bytes.length)] = random(256);
    await writeFile(join(dir, "metadata.db"), bytes);
    if (random(10) === 0) await truncate(join(dir, "metadata.db"), random(bytes.length));
    await withStore(dir, (store) => {
      const known = new Set([
        ...store.list().map((record) => record.id),
        ...store.quarantined.map((entry) => entry.id),
      ]);
      for (const record of records) ok(known.has(record.id), `round ${round}: ${record.name} is lost`);
    });
  }
});

test("canonical JSON does not depend on the order of keys", () => {
  equal(
    canonicalJson({ b: 1, a: { d: undefined, c: [2, { f: 1, e: null }] } }),
    '{"a":{"c":[2,{"e":null,"f":1}]},"b":1}',
  );
});

test("what a cut-short removal leaves is swept, a torn copy is quarantined", async (t) => {
  const dir = await scratch(t);
  const torn = makeRecord("torn");
  await withStore(dir, async (store) => {
    store.insert(torn);
    await store.copy(torn.id);
    store.delete(torn.id);
  });
  const empty = newSandboxId("0badcafe");
  await mkdir(join(dir, "sandboxes", empty));
  await truncate(join(dir, "sandboxes", torn.id, "record.json"), 100);
  await withStore(dir, async (store) => {
    deepEqual(await readdir(join(dir, "sandboxes")), [torn.id]);
    deepEqual(
      store.quarantined.map((entry) => entry.id),
      [torn.id],
    );
  });
});
