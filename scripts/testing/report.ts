import { totalLine, type Result } from "./result.ts";

/** What the closing lines of a run are, and what it came to. */
export interface Report {
  readonly lines: readonly string[];
  readonly passed: boolean;
}

/** What decides beside the results. */
export interface ReportOptions {
  readonly mayBeSkipped: (name: string) => boolean;
  /** A skip that may not be fails the run. */
  readonly strict: boolean;
}

/**
 * The closing lines of a run: what was skipped, by reason where it may be and by name where not, then what failed and why, the total
 * last. Logs are cut at their beginning, so that all one needs to know is here.
 */
export function report(results: readonly Result[], { mayBeSkipped, strict }: ReportOptions): Report {
  const failed = results.filter((result) => result.state === "failed");
  const skipped = results.filter((result) => result.state === "skipped");
  const unlisted = skipped.filter((result) => !mayBeSkipped(result.name));
  const listed = skipped.filter((result) => !unlisted.includes(result));
  const lines = [
    ...countReasons(listed),
    ...unlisted.map((skip) => `skipped: ${skip.origin}: ${skip.name} (${reasonOf(skip)})`),
    ...failed.flatMap(({ origin, name, reason = "" }) => [
      `failed: ${origin}: ${name}`,
      ...(reason === "" ? [] : reason.split("\n").map((line) => `    ${line}`)),
    ]),
  ];
  if (unlisted.length > 0) {
    lines.push(
      `${unlisted.length} skipped tests are not in tests/allowed-skips.txt${strict ? ", which fails this run (CI=true)" : ""}`,
    );
  }
  if (failed.length + skipped.length === results.length) lines.push("no test ran to its end");
  lines.push(totalLine(results));
  const passed = failed.length === 0 && skipped.length < results.length && !(strict && unlisted.length > 0);
  return { lines, passed };
}

function countReasons(skips: readonly Result[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const skip of skips) {
    const key = `${skip.origin}: ${reasonOf(skip)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `skipped as listed: ${count} of ${key}`);
}

function reasonOf({ reason }: Result): string {
  return reason === undefined || reason === "" ? "no reason given" : reason;
}
