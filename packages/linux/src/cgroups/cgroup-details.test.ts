import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { cgroupDetails } from "./cgroup-details.ts";
import { findHierarchy } from "./cgroup-path.ts";
import { createCgroup } from "./create-cgroup.ts";
import { parseBlockIo, parseIoStat } from "./parse-block-io.ts";
import { removeCgroup } from "./remove-cgroup.ts";

const disk = { major: 8, minor: 0, readBytes: 1n, writeBytes: 2n, reads: 3n, writes: 4n };

test("both versions tell the same of block devices", () => {
  deepEqual(parseIoStat("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n"), [disk]);
  deepEqual(parseIoStat("8:0\n"), [{ ...disk, readBytes: 0n, writeBytes: 0n, reads: 0n, writes: 0n }]);
  const bytes = "8:0 Read 1\n8:0 Write 2\n8:0 Sync 3\n8:0 Total 3\nTotal 3\n";
  deepEqual(parseBlockIo(bytes, "8:0 Read 3\n8:0 Write 4\nTotal 7\n"), [disk]);
  deepEqual(parseBlockIo("", "Total 0\n"), []);
});

test("a cgroup that is missing has no counters", async () => {
  const { hugepages, blockIo, ...rest } = await cgroupDetails("/crib-test-missing");
  deepEqual([hugepages, blockIo], [[], []]);
  ok(Object.values(rest).every((value) => value === undefined));
});

test("a new cgroup has counters at the beginning", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const path = `/crib-test-details-${process.pid}`;
  t.after(() => removeCgroup(path));
  await createCgroup(path);
  const details = await cgroupDetails(path);
  if (findHierarchy("memory")) {
    ok(details.maxUsageBytes !== undefined);
    equal(details.limitHits, 0n);
  }
  if (findHierarchy("cpuacct")) equal(details.userNanos, 0n);
});
