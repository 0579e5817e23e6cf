/**
 * Measures the same pod under each sandbox controller, taking turns in one run: crib's own without and with a pause, the example shim, the example
 * sandboxer, a controller in the program that embeds crib, and containerd's pause as the measure.
 *
 *   node benchmarks/controllers/run.ts [--samples 30] [--pods 10] [--settle 5] [--parts life,memory]
 *
 * Prints Markdown tables within some three minutes; figures of different runs are not comparable, their ratios are. Needs root, Debian's busybox and
 * catatonit, and `scripts/fetch-shims` for containerd; without it crib is measured alone.
 */
import { parseArgs } from "node:util";

import { createCgroup, removeCgroup } from "@crib/linux";

import { makeDisk } from "../support/own-disk.ts";
import { makeScratch } from "../support/scratch.ts";
import { findContainerd } from "../support/start-containerd.ts";
import { measureMemory } from "./measure-memory.ts";
import { measurePods } from "./measure-pods.ts";
import { memoryTable, podTable, ratioTable } from "./report.ts";
import { startContenders } from "./start-contenders.ts";

/** Bytes of the disk that all share; sparse. */
const diskBytes = 4 * 2 ** 30;

const { values } = parseArgs({
  options: {
    samples: { type: "string", default: "30" },
    pods: { type: "string", default: "10" },
    settle: { type: "string", default: "5" },
    parts: { type: "string", default: "life,memory" },
  },
});

const parts = new Set(values.parts.split(","));
const hasContainerd = findContainerd() !== undefined;
if (!hasContainerd) console.log("containerd is not there (scripts/fetch-shims); crib is measured alone\n");

await using scratch = makeScratch("10.236.0.0/16");
await using disk = await makeDisk(scratch.dir, diskBytes);
await createCgroup("/crib-bench");
await using running = new AsyncDisposableStack();
running.defer(() => removeCgroup("/crib-bench"));
const contenders = await startContenders({ ...scratch, dir: disk.dir }, running);

if (parts.has("life")) {
  const figures = await measurePods(contenders, Number(values.samples));
  console.log(`${podTable(figures)}\n`);
  if (hasContainerd) console.log(`${ratioTable(figures)}\n`);
}
if (parts.has("memory")) {
  const figures = await measureMemory(contenders, {
    pods: Number(values.pods),
    settleMs: Number(values.settle) * 1_000,
  });
  console.log(
    `${values.pods} pods of one container each, without the containers' processes:\n\n${memoryTable(figures)}`,
  );
}
