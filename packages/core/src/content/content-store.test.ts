import { equal, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import type { LayerUnpacker } from "../layers/types.ts";
import { openContentStore } from "./index.ts";
import { contentStoreSuite } from "./testing/content-store-suite.ts";

const hashFile: LayerUnpacker["hashFile"] = async (path, algorithm) => {
  const hashing = createHash(algorithm);
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hashing.update(chunk);
      size += chunk.length;
    }
  } catch (reason) {
    throw StatusError.from(reason, "hashing");
  }
  return { digest: `${algorithm}:${hashing.digest("hex")}`, size };
};

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-content-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

contentStoreSuite("in a directory", async (t) => await openContentStore({ rootDir: await scratch(t), hashFile }));

test("folders and files are the daemon's alone, and stand where others look for them", async (t) => {
  const rootDir = await scratch(t);
  const store = await openContentStore({ rootDir, hashFile });
  const bytes = Buffer.from("x");
  const digest = digestOf(bytes);
  await store.write(digest, bytes);
  const path = join(rootDir, "content", "blobs", "sha256", digest.slice(7));
  equal((await stat(path)).mode & 0o777, 0o600);
  equal((await stat(join(rootDir, "content", "ingest"))).mode & 0o777, 0o700);
  const ingest = await store.openIngest(digestOf(Buffer.from("y")), 1);
  equal((await stat(ingest.path)).mode & 0o777, 0o600);
  await ingest.close();
});

test("a damaged blob is never given out, and is told from a sound one", async (t) => {
  const rootDir = await scratch(t);
  const store = await openContentStore({ rootDir, hashFile });
  const digest = digestOf(Buffer.from("sound"));
  await store.write(digest, Buffer.from("sound"));
  await writeFile((await store.find(digest))?.path ?? "", "flaws");
  await rejects(store.read(digest, 100), { code: Code.DataLoss });
  equal(await store.verify(digest, t.signal), false);
});

test("a draft that a dead daemon left is dropped with the partial files", async (t) => {
  const rootDir = await scratch(t);
  const store = await openContentStore({ rootDir, hashFile });
  await writeFile(join(rootDir, "content", "ingest", `sha256-${"0".repeat(64)}.new`), "half");
  equal(await store.dropPartials(0), 1);
  equal((await readdir(join(rootDir, "content", "ingest"))).length, 0);
});
