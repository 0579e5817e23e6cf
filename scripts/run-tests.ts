import { join } from "node:path";

import { whyNoPods } from "./testing/can-run-pods.ts";
import { lanes, type Lane } from "./testing/lanes.ts";
import { totalLine, type Result } from "./testing/result.ts";
import { readSkipList, type SkipList } from "./testing/skip-list.ts";

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
  return report(
    results,
    await Promise.all(["tests/allowed-skips.txt", "tests/conformance/skips.txt"].map(readSkipList)),
  );
}

async function runLane(lane: Lane, noPods: string | undefined): Promise<readonly Result[]> {
  if (noPods === undefined || !lane.needsPods) return lane.run();
  const declared = await lane.declared();
  return declared.map((name) => ({ name, origin: lane.name, state: "skipped", reason: noPods }));
}

/** Prints what failed and what was skipped, the total last; gives the exit code. */
function report(results: readonly Result[], allowed: readonly SkipList[]): number {
  const failed = results.filter((result) => result.state === "failed");
  const skipped = results.filter((result) => result.state === "skipped");
  const unlisted = skipped.filter((result) => !allowed.some((list) => list.allows(result.name)));
  for (const skip of skipped)
    console.log(`skipped: ${skip.origin}: ${skip.name} (${skip.reason || "no reason given"})`);
  for (const failure of failed) console.log(`failed: ${failure.origin}: ${failure.name}`);

  const strict = process.env["CI"] === "true";
  if (unlisted.length > 0) {
    console.log(
      `${unlisted.length} skipped tests are not in tests/allowed-skips.txt${strict ? ", which fails this run (CI=true)" : ""}`,
    );
  }
  if (failed.length + skipped.length === results.length) console.log("no test ran to its end");
  console.log(totalLine(results));
  const passed = failed.length === 0 && skipped.length < results.length && !(strict && unlisted.length > 0);
  return passed ? 0 : 1;
}
