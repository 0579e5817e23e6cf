import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { createStdio } from "./create-stdio.ts";
import { countDescriptors, joinLog, readLog, StdioBench, untilExit } from "./testing/stdio-bench.ts";

test("what a container writes is in its log, line by line", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  await bench.run("echo one; echo two >&2; printf 'three\\r\\n'; printf rest", streams);
  const lines = readLog(bench.logPath);
  equal(joinLog(lines), "one\nthree\nrest");
  equal(joinLog(lines, "stderr"), "two\n");
  equal(lines.at(-1)?.tag, "P");
  const times = lines.map(({ time }) => time);
  deepEqual(times, times.toSorted());
  equal(statSync(bench.logPath).mode & 0o777, 0o640);
  equal(statSync(dirname(bench.logPath)).mode & 0o777, 0o755);
  await streams.close();
  await streams.close();
  ok(!existsSync(dirname(streams.paths.stdout)));
  equal(bench.stdio.find("a"), undefined);
});

test("100 MB go through unchanged, long lines in parts", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const before = countDescriptors();
  await bench.run("seq -f %099.0f 200000; head -c 80000000 /dev/zero", streams);
  const text = joinLog(readLog(bench.logPath));
  equal(text.length, 100_000_000);
  const lines = text.split("\n");
  equal(lines.pop(), "\0".repeat(80_000_000));
  ok(lines.every((line, index) => line.length === 99 && Number(line) === index + 1));
  await streams.close();
  // Both FIFOs and the log.
  equal(countDescriptors(), before - 3);
});

test("a log that is opened anew under load loses and doubles nothing", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const running = bench.run("seq 1 500000", streams);
  let files = 0;
  while (!(await streams.drained(0)) && files < 1_000) {
    renameSync(bench.logPath, `${bench.logPath}.${files}`);
    files += 1;
    await streams.reopenLog();
  }
  await running;
  ok(files > 5, `only ${files}`);
  const all = Array.from({ length: files }, (_, index) => readLog(`${bench.logPath}.${index}`));
  const text = joinLog([...all.flat(), ...readLog(bench.logPath)]);
  equal(text, Array.from({ length: 500_000 }, (_, index) => `${index + 1}\n`).join(""));
});

test("what is no file is no log, and nothing stays of the attempt", async (t) => {
  await using bench = new StdioBench();
  symlinkSync("/dev/null", join(bench.directory, "link"));
  for (const path of ["/dev/null", join(bench.directory, "link"), bench.directory]) {
    await rejects(bench.open(t, { path }), { code: Code.FailedPrecondition, message: /not a regular file/ });
  }
  equal(bench.stdio.find("a"), undefined);
  ok(!existsSync(join(bench.directory, "bundle/io")));
  const streams = await bench.open(t);
  await rejects(bench.open(t), { code: Code.AlreadyExists });
  equal(readFileSync(bench.logPath, "utf8"), "");
  await streams.close();
});

test("a daemon that ends leaves FIFOs, and the next one goes on in the line", async (t) => {
  await using first = new StdioBench();
  const request = first.request();
  const before = await first.stdio.open(request, t.signal);
  const child = first.start("printf begin; read -t 0.4 x </dev/zero | sleep 0.4; echo ' and end'", before);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await first.stdio.close();
  await using second = new StdioBench();
  const after = await second.stdio.adopt(request, t.signal);
  ok(await after.drained(20_000));
  await untilExit(child);
  equal(joinLog(readLog(first.logPath)), "begin and end\n");
  // Nobody holds them any more, so nothing can come.
  await second.stdio.close();
  await using third = new StdioBench();
  const ended = await third.stdio.adopt(request, t.signal);
  ok(await ended.drained(20_000));
  await ended.close();
});

test("daemons that end under load hand over without loss or doubles, and what ends meanwhile waits", async (t) => {
  await using first = new StdioBench({ isLazy: true });
  const request = first.request();
  const count = 300_000;
  let stdio = createStdio({ log: () => undefined });
  let streams = await stdio.open(request, t.signal);
  // However slow the machine, it is not done with it between two daemons.
  const gate = join(first.directory, "gate");
  const pause = (number: number): string => `until [ -e "${gate}${number}" ]; do sleep 0.02; done`;
  const script = `seq 1 100000; ${pause(1)}; seq 100001 200000; ${pause(2)}; seq 200001 ${count}; echo bye >&2`;
  const child = first.start(script, streams);
  let ends = 0;
  for (; !(await streams.drained(40)); ends += 1) {
    await stdio.close();
    await new Promise((resolve) => setTimeout(resolve, 10));
    stdio = createStdio({ log: () => undefined });
    streams = await stdio.adopt(request, t.signal);
    writeFileSync(`${gate}${ends + 1}`, "");
  }
  await untilExit(child);
  await stdio.close();
  ok(ends > 1, `${ends}`);
  const lines = readLog(first.logPath);
  equal(joinLog(lines), Array.from({ length: count }, (_, index) => `${index + 1}\n`).join(""));
  equal(joinLog(lines, "stderr"), "bye\n");
});
