import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";

import { parseSkipList } from "../../scripts/testing/skip-list.ts";
import { readReport } from "./critest-report.ts";

const skips = parseSkipList("Group may skip\tno such kernel\n", "skips.txt");

function report(...specs: readonly object[]): string {
  return JSON.stringify([
    { SpecReports: specs.map((spec) => ({ ContainerHierarchyTexts: ["Group"], LeafNodeType: "It", ...spec })) },
  ]);
}

test("specs that the focus leaves out are not counted", () => {
  deepEqual(readReport(report({ LeafNodeText: "other", State: "skipped" }), skips), []);
});

test("a skip on the list is a skip, any other a failure", () => {
  const [listed, unlisted] = readReport(
    report(
      { LeafNodeText: "may skip", State: "skipped", Failure: { Message: "not here" } },
      { LeafNodeText: "must run", State: "skipped", Failure: { Message: "not here" } },
    ),
    skips,
  );
  equal(listed?.state, "skipped");
  equal(unlisted?.state, "failed");
  match(unlisted?.message ?? "", /not on the list of skips: not here/);
});

test("a spec that panicked or ran out of time, and a set-up that failed, are failures", () => {
  const results = readReport(
    report(
      { LeafNodeText: "a", State: "panicked", Failure: { Message: "nil" } },
      { LeafNodeText: "b", State: "timedout" },
      { LeafNodeText: "", LeafNodeType: "BeforeSuite", State: "failed" },
      { LeafNodeText: "c", State: "passed" },
    ),
    skips,
  );
  deepEqual(
    results.map(({ name, state }) => `${name}: ${state}`),
    ["Group a: failed", "Group b: failed", "Group BeforeSuite: failed", "Group c: passed"],
  );
});
