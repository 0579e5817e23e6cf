import type { Result } from "../../scripts/testing/result.ts";
import type { SkipList } from "../../scripts/testing/skip-list.ts";

/** What is read of ginkgo's JSON report (`-ginkgo.json-report`, types.Report). */
type Report = readonly {
  readonly SpecReports: readonly SpecReport[] | null;
  readonly SpecialSuiteFailureReasons?: readonly string[] | null;
}[];

interface SpecReport {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: string;
  /** Nanoseconds. */
  readonly RunTime?: number;
  readonly Failure?: { readonly Message?: string };
}

/** How one spec of critest went, with its message and how long it took. */
export interface SpecResult extends Result {
  readonly message: string;
  readonly seconds: number;
}

/**
 * Reads critest's report. Specs that the focus leaves out are not in the result; a skip that the list does not name, and whatever
 * failed outside of a spec (set-up of the suite, its time limit), is a failure.
 */
export function readReport(text: string, skips: SkipList): readonly SpecResult[] {
  const report = JSON.parse(text) as Report;
  return report.flatMap((suite) => [
    ...(suite.SpecReports ?? []).filter((spec) => isOutcome(spec)).map((spec) => toResult(spec, skips)),
    ...(suite.SpecialSuiteFailureReasons ?? [])
      // Only says that specs failed, which they say themselves.
      .filter((reason) => !/^Detected .*specs? failed/i.test(reason))
      .map((reason): SpecResult => ({
        name: "the suite",
        origin: "critest",
        state: "failed",
        message: reason,
        seconds: 0,
      })),
  ]);
}

/** Ginkgo reports a spec that was filtered out as skipped without a message; set-up nodes only count when they fail. */
function isOutcome(spec: SpecReport): boolean {
  if (spec.LeafNodeType !== "It") return !["passed", "skipped"].includes(spec.State);
  return spec.State !== "skipped" || messageOf(spec) !== "";
}

function toResult(spec: SpecReport, skips: SkipList): SpecResult {
  const name = [...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText || spec.LeafNodeType].join(" ");
  const message = messageOf(spec);
  const base = { name, origin: "critest", message, seconds: (spec.RunTime ?? 0) / 1e9 };
  if (spec.State === "passed") return { ...base, state: "passed" };
  if (!["skipped", "pending"].includes(spec.State)) return { ...base, state: "failed" };
  if (skips.allows(name)) return { ...base, state: "skipped", reason: message };
  return { ...base, state: "failed", message: `skipped, and not on the list of skips: ${message}` };
}

function messageOf(spec: SpecReport): string {
  return spec.Failure?.Message ?? "";
}
