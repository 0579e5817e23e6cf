/** What one test came to. */
export interface Result {
  readonly name: string;
  /** The file (relative to the clone) or the runner that it belongs to. */
  readonly origin: string;
  readonly state: "passed" | "failed" | "skipped";
  /** Why it was skipped, empty when the test gave no reason; or why it failed, in some lines. */
  readonly reason?: string;
}

/** Reads results written one JSON object a line; a missing file is an empty list, since a runner may die before its first result. */
export function parseResults(text: string): readonly Result[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Result);
}

/** The total as every runner's last line has it: `N passed, N failed, N skipped`. */
export function totalLine(results: readonly Result[]): string {
  const count = (state: Result["state"]): number => results.filter((result) => result.state === state).length;
  return `${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`;
}
