import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";

import { needsRoot, temporaryDirectory } from "../testing/host.ts";
import { mountsUnder, parseMountinfo, readMounts } from "./mount-table.ts";
import { mountTmpfs } from "./mount-tmpfs.ts";

test("a mountinfo line is read with escapes and any number of optional fields", () => {
  const [first, second] = parseMountinfo(
    [
      "36 35 98:0 /mnt1 /mnt\\0402/a\\134b rw,noatime master:1 shared:7 - ext3 /dev/root\\011x rw,errors=continue",
      "37 35 0:4 net:[4026532000] /run/netns/a rw - nsfs nsfs rw",
      "torn lin",
      "",
    ].join("\n"),
  );
  deepEqual(first, {
    id: 36,
    parentId: 35,
    device: "98:0",
    root: "/mnt1",
    mountPoint: "/mnt 2/a\\b",
    options: ["rw", "noatime"],
    propagation: ["master:1", "shared:7"],
    type: "ext3",
    source: "/dev/root\tx",
    superOptions: ["rw", "errors=continue"],
  });
  equal(second?.root, "net:[4026532000]");
  deepEqual(second.propagation, []);
});

test("the mounts of this machine have a root", async () => {
  ok((await readMounts()).some(({ mountPoint }) => mountPoint === "/"));
});

test("mounts under a directory do not include those of a sibling whose name it begins", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ["pod", "pod-2", "pod/a b"]) {
    mkdirSync(`${directory}/${name}`);
    if (name !== "pod") mountTmpfs(`${directory}/${name}`, { sizeBytes: 65_536 });
  }
  const points = (await mountsUnder(`${directory}/pod`)).map(({ mountPoint }) => mountPoint);
  deepEqual(points, [`${directory}/pod/a b`]);
  equal((await mountsUnder(`${directory}/pod-2/`)).length, 1);
});
