import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { type Digest, digestOf } from "@crib/oci-spec";

import type { ContentStore } from "../types.ts";

const bytes = Buffer.from("a blob of thirty-one bytes here");
const digest = digestOf(bytes);

/** What every content store must do. `open` gives an empty store that is gone with the test. */
export function contentStoreSuite(label: string, open: (t: TestContext) => Promise<ContentStore>): void {
  test(`${label}: a written blob is found, read and listed, and writing it again changes nothing`, async (t) => {
    const store = await open(t);
    equal(await store.find(digest), undefined);
    await Promise.all([store.write(digest, bytes), store.write(digest, bytes)]);
    await store.write(digest, bytes);
    const found = await store.find(digest);
    equal(found?.size, bytes.length);
    deepEqual(await store.read(digest, 1_000), bytes);
    deepEqual(await store.list(), [found]);
    equal(await store.verify(digest, t.signal), true);
    deepEqual(await store.listPartials(), []);
  });

  test(`${label}: what is not there is NotFound, too much is ResourceExhausted, deleting nothing succeeds`, async (t) => {
    const store = await open(t);
    await rejects(store.read(digest, 1_000), { code: Code.NotFound });
    await rejects(store.verify(digest, t.signal), { code: Code.NotFound });
    await store.delete(digest);
    await store.write(digest, bytes);
    await rejects(store.read(digest, bytes.length - 1), { code: Code.ResourceExhausted });
    await store.delete(digest);
    equal(await store.find(digest), undefined);
  });

  test(`${label}: an ingest can be followed while it grows and becomes a blob only by its commit`, async (t) => {
    const store = await open(t);
    const ingest = await store.openIngest(digest, bytes.length);
    equal(ingest.written, 0);
    await ingest.append(bytes.subarray(0, 10));
    deepEqual(await readFile(ingest.path), bytes.subarray(0, 10));
    equal(ingest.written, 10);
    // Two at once take effect in order.
    await Promise.all([ingest.append(bytes.subarray(10, 20)), ingest.append(bytes.subarray(20))]);
    equal(await store.find(digest), undefined);
    await ingest.commit(true);
    deepEqual(await store.read(digest, 1_000), bytes);
    deepEqual(await store.listPartials(), []);
    await ingest.close();
    await rejects(ingest.append(Buffer.from("x")), { code: Code.FailedPrecondition });
  });

  test(`${label}: a closed ingest is taken up where it ended, one that is held is not given twice`, async (t) => {
    const store = await open(t);
    const first = await store.openIngest(digest, bytes.length);
    await first.append(bytes.subarray(0, 12));
    await rejects(store.openIngest(digest, bytes.length), { code: Code.AlreadyExists });
    deepEqual(await store.listPartials(), []);
    await first.close();
    deepEqual(
      (await store.listPartials()).map(({ digest: name, size }) => [name, size]),
      [[digest, 12]],
    );
    const second = await store.openIngest(digest, bytes.length);
    equal(second.written, 12);
    await second.append(bytes.subarray(12));
    await second.commit(false);
    equal(await store.verify(digest, t.signal), true);
  });

  test(`${label}: more bytes than announced are refused, a partial that is longer begins again`, async (t) => {
    const store = await open(t);
    const ingest = await store.openIngest(digest, bytes.length);
    await ingest.append(bytes);
    await rejects(ingest.append(Buffer.from("x")), { code: Code.ResourceExhausted });
    await ingest.close();
    const shorter = await store.openIngest(digest, 5);
    equal(shorter.written, 0);
    await shorter.append(bytes.subarray(0, 5));
    await shorter.restart();
    equal(shorter.written, 0);
    await shorter.close();
  });

  test(`${label}: a wrong or incomplete blob is DataLoss and is not kept`, async (t) => {
    const store = await open(t);
    const wrong = await store.openIngest(digest, 3);
    await wrong.append(Buffer.from("bad"));
    await rejects(wrong.commit(false), { code: Code.DataLoss });
    const half = await store.openIngest(digest, bytes.length);
    equal(half.written, 0, "what was wrong is not gone on with");
    await half.append(bytes.subarray(0, 3));
    await rejects(half.commit(true), { code: Code.DataLoss });
    equal(await store.find(digest), undefined);
    deepEqual(await store.listPartials(), []);
  });

  test(`${label}: partial files go when they are old and held by nobody`, async (t) => {
    const store = await open(t);
    const held = await store.openIngest(digest, bytes.length);
    await held.append(bytes.subarray(0, 3));
    equal(await store.dropPartials(0), 0);
    await held.close();
    equal(await store.dropPartials(60_000), 0);
    const [dropped, again] = await Promise.all([store.dropPartials(0), store.openIngest(digest, bytes.length)]);
    equal(dropped, 0, "it was taken up before it could be dropped");
    await again.close();
    equal(await store.dropPartials(0, new Set([digestOf("another")])), 0);
    equal(await store.dropPartials(0, new Set([digest])), 1);
    deepEqual(await store.listPartials(), []);
  });

  test(`${label}: no digest leads out of the store`, async (t) => {
    const store = await open(t);
    for (const bad of [
      "sha256:../../x",
      `sha256:${"/".repeat(64)}`,
      "md5:00",
      `sha256:${"A".repeat(64)}`,
      `${digest}\n`,
    ]) {
      await rejects(store.find(bad as Digest), { code: Code.InvalidArgument });
      await rejects(async () => store.write(bad as Digest, bytes), { code: Code.InvalidArgument });
      await rejects(store.openIngest(bad as Digest, 1), { code: Code.InvalidArgument });
    }
    ok((await store.list()).length === 0);
  });
}
