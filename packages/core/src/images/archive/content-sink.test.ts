import { deepEqual, equal, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf, parseDigest } from "@crib/oci-spec";

import { openContentStore } from "../../content/index.ts";
import type { ContentStore } from "../../content/types.ts";
import { contentSink } from "./content-sink.ts";
import type { ArchiveSink } from "./types.ts";

const bytes = Buffer.alloc(2 << 20, "layer");
const digest = digestOf(bytes);

interface Fixture {
  readonly store: ContentStore;
  readonly sink: ArchiveSink;
  readonly spoolDir: string;
}

async function open(t: TestContext, signal: AbortSignal = t.signal): Promise<Fixture> {
  const rootDir = mkdtempSync(join(tmpdir(), "crib-content-sink-"));
  t.after(() => rmSync(rootDir, { recursive: true }));
  const spoolDir = mkdtempSync(join(rootDir, "spool-"));
  const store = await openContentStore({
    rootDir,
    hashFile: async (path, algorithm) => {
      const content = readFileSync(path);
      const hex = createHash(algorithm).update(content).digest("hex");
      return { digest: parseDigest(`${algorithm}:${hex}`), size: content.length };
    },
  });
  return { store, sink: contentSink(store, spoolDir, signal), spoolDir };
}

test("a blob of a known digest goes straight into the store, over what an earlier try left", async (t) => {
  const { store, sink, spoolDir } = await open(t);
  const partial = await store.openIngest(digest, bytes.length);
  await partial.append(Buffer.from("wrong"));
  await partial.close();
  const blob = await sink.openBlob(bytes.length, digest);
  deepEqual(readdirSync(spoolDir), []);
  await blob?.append(bytes);
  await blob?.commit(digest);
  deepEqual(await sink.readBlob(digest, bytes.length), bytes);
  equal(await sink.openBlob(bytes.length, digest), undefined);
  await rejects(sink.readBlob(digest, 10), { code: Code.ResourceExhausted });
});

test("a blob of an unknown digest is spooled until it is known", async (t) => {
  const { sink, spoolDir } = await open(t);
  for (let round = 0; round < 2; round++) {
    const blob = await sink.openBlob(bytes.length, undefined);
    equal(readdirSync(spoolDir).length, 1);
    await blob?.append(bytes.subarray(0, 1_000));
    await blob?.append(bytes.subarray(1_000));
    await blob?.commit(digest);
    deepEqual(readdirSync(spoolDir), []);
    deepEqual(await sink.readBlob(digest, bytes.length), bytes);
  }
});

test("a discarded blob leaves nothing that a later pull would go on with", async (t) => {
  const { store, sink, spoolDir } = await open(t);
  for (const known of [digest, undefined]) {
    const blob = await sink.openBlob(bytes.length, known);
    await blob?.append(Buffer.from("wrong"));
    await blob?.discard();
  }
  deepEqual(readdirSync(spoolDir), []);
  const ingest = await store.openIngest(digest, bytes.length);
  equal(ingest.written, 0);
  await ingest.close();
  equal(await store.find(digest), undefined);
});

test("a blob that a pull is writing is waited for, until the signal", async (t) => {
  const controller = new AbortController();
  const { store, sink } = await open(t, controller.signal);
  const pull = await store.openIngest(digest, bytes.length);
  const waiting = sink.openBlob(bytes.length, digest);
  await pull.append(bytes);
  await pull.commit(true);
  equal(await waiting, undefined);

  const held = await store.openIngest(digestOf("held"), 4);
  t.after(() => held.close());
  const aborted = sink.openBlob(4, digestOf("held"));
  setImmediate(() => controller.abort());
  await rejects(aborted, { name: "AbortError" });
});
