import { test } from "node:test";

import { moveToDisk } from "../support/disks/root-disk.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { pullBombs } from "../support/images/pull-bombs.ts";
import { warmUp } from "../support/images/refusals.ts";
import { whiteouts, whiteoutTimes } from "../support/images/whiteout-times.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_WHITEOUTS"] ?? 100_000);
const mebibytes = Number(process.env["CRIB_SOAK_BOMB_MIB"] ?? 512);

test(`${count} opaque directories and whiteouts take time in proportion`, needsRoot, async (t) => {
  const target = await startImageNode(t);
  await moveToDisk(t, target.node, { megabytes: 2_048, inodes: 500_000 });
  await warmUp(target);
  for (const [name, entryOf] of Object.entries(whiteouts)) {
    await t.test(name, async (t) => t.diagnostic(JSON.stringify(await whiteoutTimes(target, count, entryOf))));
  }
});

test(`layers that unpack to ${mebibytes} MiB take disk but no memory`, needsRoot, async (t) => {
  const target = await startImageNode(t);
  await warmUp(target);
  for (const compression of ["gzip", "zstd"] as const) {
    await t.test(compression, async (t) => t.diagnostic(`${await pullBombs(target, mebibytes, compression)} MiB`));
  }
});
