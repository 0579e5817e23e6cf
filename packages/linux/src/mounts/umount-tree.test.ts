import { deepEqual, equal, rejects } from "node:assert/strict";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot, temporaryDirectory } from "../testing/host.ts";
import { MountFlag } from "./flags.ts";
import { mountSync } from "./mount-sync.ts";
import { mountsUnder } from "./mount-table.ts";
import { mountTmpfs } from "./mount-tmpfs.ts";
import { umountTree } from "./umount-tree.ts";

const size = { sizeBytes: 65_536 };

test("nested, stacked and bound mounts all go, and what is bound stays", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const pod = `${directory}/pod`;
  mkdirSync(pod);
  mkdirSync(`${directory}/source`);
  writeFileSync(`${directory}/source/file`, "kept");
  mountTmpfs(pod, size);
  mkdirSync(`${pod}/inner`);
  mountTmpfs(`${pod}/inner`, size);
  mountTmpfs(`${pod}/inner`, size);
  mkdirSync(`${pod}/inner/bind`);
  mountSync({ source: `${directory}/source`, target: `${pod}/inner/bind`, flags: MountFlag.BIND });
  equal((await mountsUnder(pod)).length, 4);
  await umountTree(`${pod}/`);
  deepEqual(await mountsUnder(directory), []);
  closeSync(openSync(`${directory}/source/file`, "r"));
  await umountTree(pod);
  await umountTree(`${directory}/never-there`);
});

test("a mount with an open file is detached in the end", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/shm`);
  mountTmpfs(`${directory}/shm`, size);
  const fd = openSync(`${directory}/shm/file`, "w");
  t.after(() => closeSync(fd));
  await umountTree(`${directory}/shm`);
  deepEqual(await mountsUnder(directory), []);
});

test("paths that could mean the whole host are refused", async () => {
  for (const path of ["/", "//", "", ".", "relative/pod", "/run/../", "/run/./x", "/run//x"]) {
    await rejects(umountTree(path), { code: Code.InvalidArgument }, path);
  }
});
