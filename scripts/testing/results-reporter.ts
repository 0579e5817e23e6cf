import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

import { describeFailure } from "./describe-failure.ts";
import type { Result } from "./result.ts";

/**
 * A reporter for `node --test`: one JSON line for each test. Suites are left out, as in the runner's own count; a file that cannot be
 * loaded is reported by the runner as one failed test.
 */
export default async function* reportResults(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type !== "test:pass" && event.type !== "test:fail") continue;
    if (event.data.details.type === "suite") continue;
    yield `${JSON.stringify(toResult(event))}\n`;
  }
}

function toResult(event: Extract<TestEvent, { type: "test:pass" | "test:fail" }>): Result {
  const { data } = event;
  const test = { name: data.name, origin: data.file === undefined ? "" : relative(process.cwd(), data.file) };
  // A `todo` test is not done, whatever its outcome: it counts as skipped, so that the list of skips has to name it.
  const skip = data.skip ?? data.todo;
  if (skip !== undefined && skip !== false) return { ...test, state: "skipped", reason: skip === true ? "" : skip };
  if (event.type === "test:pass") return { ...test, state: "passed" };
  return { ...test, state: "failed", reason: describeFailure(event.data.details.error) };
}
