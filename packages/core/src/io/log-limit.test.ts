import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { joinLog, readLog, StdioBench } from "./testing/stdio-bench.ts";

const limit = { bytesPerSecond: 400_000 };

test("a container over its limit waits, and loses nothing", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t, { limit: { ...limit, over: "block" } });
  const begun = performance.now();
  await bench.run("seq -f %099.0f 9000", streams);
  const seconds = (performance.now() - begun) / 1000;
  equal(joinLog(readLog(bench.logPath)).length, 900_000);
  // One second's worth at once, and a read more.
  ok(seconds > (900_000 - 400_000 - 65_536) / limit.bytesPerSecond, `${seconds} s`);
});

test("a container over its limit loses whole lines, which are counted in its log", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t, { limit: { ...limit, over: "drop" } });
  const begun = performance.now();
  await bench.run("seq -f %099.0f 30000; seq -f %099.0f 30000 >&2; sleep 0.8; echo last", streams);
  const seconds = (performance.now() - begun) / 1000;
  const lines = readLog(bench.logPath);
  const [ours, theirs] = [true, false].map((isOurs) =>
    lines.filter(({ text }) => text !== "" && text.startsWith("crib: ") === isOurs),
  );
  const dropped = (ours ?? []).map(({ text }) =>
    Number(/^crib: (\d+) bytes of output were dropped: the limit is 400000 bytes a second$/.exec(text)?.[1]),
  );
  const kept = (theirs ?? []).reduce((sum, { text }) => sum + text.length + 1, 0);
  ok(dropped.length > 0 && dropped.every((bytes) => bytes > 0), "what was dropped is told");
  ok(kept <= limit.bytesPerSecond * (1 + seconds), `${kept} bytes in ${seconds} s`);
  ok(kept >= limit.bytesPerSecond * 0.9, `only ${kept} bytes`);
  ok(dropped.length < 3 + 4 * seconds, `${dropped.length} lines about it`);
  ok(joinLog(lines).endsWith("last\n"));
});
