import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { mkdirSync, statfsSync, statSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot, temporaryDirectory } from "../testing/host.ts";
import { MountFlag } from "./flags.ts";
import { mountsUnder } from "./mount-table.ts";
import { makePrivate, mountTmpfs } from "./mount-tmpfs.ts";

test("a tmpfs has the size, mode and flags asked for", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/shm`);
  mountTmpfs(`${directory}/shm`, { sizeBytes: 1 << 20 });
  const stats = statfsSync(`${directory}/shm`);
  equal(stats.blocks * stats.bsize, 1 << 20);
  equal(statSync(`${directory}/shm`).mode & 0o7777, 0o1777);
  const [mount] = await mountsUnder(directory);
  for (const option of ["nosuid", "nodev", "noexec"]) ok(mount?.options.includes(option), option);
  mountTmpfs(`${directory}/shm`, { sizeBytes: 65_536, mode: 0o700, flags: MountFlag.NOSUID });
  equal(statSync(`${directory}/shm`).mode & 0o7777, 0o700);
  throws(() => mountTmpfs(`${directory}/none`, { sizeBytes: 1 }), {
    code: Code.NotFound,
    message: `mounting tmpfs "tmpfs" on "${directory}/none": ENOENT: no such file or directory`,
  });
});

test("a tmpfs belongs to whom it is given, from its birth", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/shm`);
  mountTmpfs(`${directory}/shm`, { sizeBytes: 65_536, uid: 700_000, gid: 800_000 });
  const { uid, gid, mode } = statSync(`${directory}/shm`);
  deepEqual([uid, gid, mode & 0o7777], [700_000, 800_000, 0o1777]);
});

test("a mount can be made private", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/data`);
  mountTmpfs(`${directory}/data`, { sizeBytes: 65_536 });
  makePrivate(`${directory}/data`, { recursive: true });
  equal((await mountsUnder(directory))[0]?.propagation.length, 0);
});
