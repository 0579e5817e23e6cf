import { deepEqual, equal, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import { openContentStore } from "./index.ts";

const needsRoot = process.getuid?.() === 0 ? {} : { skip: "mounting a small file system needs root" };

test("on a full disk the partial file goes, so that others have room", needsRoot, async (t) => {
  const rootDir = await mkdtemp(join(tmpdir(), "crib-content-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=256k", "tmpfs", rootDir]);
  t.after(async () => {
    execFileSync("umount", [rootDir]);
    await rm(rootDir, { recursive: true, force: true });
  });
  const store = await openContentStore({ rootDir, hashFile: () => Promise.reject(new Error("not asked for")) });
  const bytes = Buffer.alloc(400 * 1024, "x");
  const ingest = await store.openIngest(digestOf(bytes), bytes.length);
  await ingest.append(bytes.subarray(0, 100 * 1024));
  await rejects(ingest.append(bytes.subarray(100 * 1024)), { code: Code.ResourceExhausted });
  deepEqual(await store.listPartials(), []);
  await ingest.close();
  await rejects(store.write(digestOf(bytes), bytes), { code: Code.ResourceExhausted });
  deepEqual(await store.listPartials(), []);

  const small = bytes.subarray(0, 200 * 1024);
  await store.write(digestOf(small), small);
  equal((await store.find(digestOf(small)))?.size, small.length);
});
