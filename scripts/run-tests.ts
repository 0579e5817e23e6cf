import { join } from "node:path";

import { whyNoPods } from "./testing/can-run-pods.ts";
import { lanes, type Lane } from "./testing/lanes.ts";
import { report } from "./testing/report.ts";
import { totalLine, type Result } from "./testing/result.ts";
import { readSkipList } from "./testing/skip-list.ts";

// scripts/test is the way in: it does the set-up first.
process.chdir(join(import.meta.dirname, ".."));
process.exitCode = await main(process.argv.slice(2));

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !lanes.some((lane) => lane.name === name));
  if (unknown !== undefined) {
    console.error(`scripts/test: no lane "${unknown}"; there are ${lanes.map((lane) => lane.name).join(", ")}`);
    return 2;
  }
  const noPods = whyNoPods();
  if (noPods !== undefined)
    console.log(`This machine cannot run pods (${noPods}): what needs them is counted as skipped.`);

  const results: Result[] = [];
  const summary: string[] = [];
  for (const lane of lanes.filter((each) => names.length === 0 || names.includes(each.name))) {
    console.log(`\n== ${lane.name}`);
    const startedMs = performance.now();
    const outcome = await runLane(lane, noPods);
    summary.push(`${lane.name}: ${totalLine(outcome)} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
    results.push(...outcome);
  }
  console.log(`\n== summary\n${summary.join("\n")}`);
  const lists = await Promise.all(["tests/allowed-skips.txt", "tests/conformance/skips.txt"].map(readSkipList));
  const { lines, passed } = report(results, {
    mayBeSkipped: (name) => lists.some((list) => list.allows(name)),
    strict: process.env["CI"] === "true",
  });
  console.log(lines.join("\n"));
  return passed ? 0 : 1;
}

async function runLane(lane: Lane, noPods: string | undefined): Promise<readonly Result[]> {
  if (noPods === undefined || !lane.needsPods) return lane.run();
  const declared = await lane.declared();
  return declared.map((name) => ({ name, origin: lane.name, state: "skipped", reason: noPods }));
}
