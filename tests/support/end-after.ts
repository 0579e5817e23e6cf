import type { TestContext } from "node:test";

const endings = new WeakMap<TestContext, (() => Promise<void>)[]>();

/** Ends all nodes of a test, the last first. One hook does it, since none runs after one that fails. */
export function endAfter(t: TestContext, end: () => Promise<void>): void {
  const known = endings.get(t);
  if (known) {
    known.push(end);
    return;
  }
  const ends = [end];
  endings.set(t, ends);
  t.after(async () => {
    const problems: unknown[] = [];
    for (const one of ends.toReversed()) await one().catch((reason: unknown) => problems.push(reason));
    if (problems.length > 0) throw problems.length === 1 ? problems[0] : new AggregateError(problems);
  });
}
