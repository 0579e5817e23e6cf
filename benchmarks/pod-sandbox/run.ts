/**
 * Measures pod sandboxes of crib beside containerd's, alternating on the same CNI configuration in one run.
 *
 *   node benchmarks/pod-sandbox/run.ts [--samples 50] [--parallel 1,4,8] [--pid container,pod] [--held 1,50,200] [--settle 60]
 *
 * Prints Markdown tables; figures of different runs are not comparable, their ratios are. Needs root, and
 * `scripts/fetch-shims` for containerd; without it crib is measured alone.
 */
import { parseArgs } from "node:util";

import { createCgroup, removeCgroup } from "@crib/linux";

import { makeScratch } from "../support/scratch.ts";
import { findContainerd, startContainerd } from "../support/start-containerd.ts";
import { startCrib } from "../support/start-crib.ts";
import { type CycleFigures, measureCycles } from "./measure-cycles.ts";
import { type HeldFigures, measureHeld } from "./measure-held.ts";
import type { PidMode } from "./pod-cycle.ts";
import { cycleTable, heldTable } from "./report.ts";

const { values } = parseArgs({
  options: {
    samples: { type: "string", default: "50" },
    parallel: { type: "string", default: "1,4,8" },
    pid: { type: "string", default: "container,pod" },
    held: { type: "string", default: "" },
    settle: { type: "string", default: "60" },
  },
});

const numbers = (text: string): readonly number[] => text.split(",").filter(Boolean).map(Number);
const pids = values.pid.split(",") as PidMode[];
const found = findContainerd();
if (!found) console.log("containerd is not there (scripts/fetch-shims); crib is measured alone\n");

await using scratch = makeScratch("10.233.0.0/16");
await createCgroup("/crib-bench");
await using cleanUp = new AsyncDisposableStack();
cleanUp.defer(() => removeCgroup("/crib-bench"));
const crib = cleanUp.use(await startCrib(scratch, found?.shim ?? ""));
const servers = found ? [crib, cleanUp.use(await startContainerd(scratch, found))] : [crib];

const cycles: CycleFigures[] = [];
for (const pid of pids) {
  for (const parallelism of numbers(values.parallel)) {
    cycles.push(...(await measureCycles(servers, { pid, parallelism, samples: Number(values.samples) })));
  }
}
console.log(`${cycleTable(cycles)}\n`);

const levels = numbers(values.held);
if (levels.length > 0) {
  const held: HeldFigures[] = [];
  for (const pid of pids) {
    for (const server of servers) {
      held.push(
        ...(await measureHeld(server, { pid, levels, restartAt: 50, settleMs: Number(values.settle) * 1_000 })),
      );
    }
  }
  console.log(heldTable(held));
}
