import { equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { mountTmpfs } from "../mounts/mount-tmpfs.ts";
import { needsRoot, temporaryDirectory } from "../testing/host.ts";
import { statfs } from "./file-system-usage.ts";

test("the room of a file system is counted in bytes and inodes", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/disk`);
  mountTmpfs(`${directory}/disk`, { sizeBytes: 1 << 20 });
  writeFileSync(`${directory}/disk/file`, Buffer.alloc(100_000));
  const usage = await statfs(`${directory}/disk`);
  equal(usage.totalBytes, 1_048_576n);
  ok(usage.usedBytes >= 100_000n && usage.usedBytes < 110_000n);
  equal(usage.availableBytes, usage.totalBytes - usage.usedBytes);
  equal(usage.usedInodes, 2n);
  await rejects(statfs(`${directory}/none`), { code: Code.NotFound });
});
