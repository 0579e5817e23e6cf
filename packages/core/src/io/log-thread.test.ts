import { equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Worker } from "node:worker_threads";

import { countDescriptors, joinLog, readLog, StdioBench } from "./testing/stdio-bench.ts";

test("a log thread that dies is told, and a new one goes on", async (t) => {
  const workers: Worker[] = [];
  const note = (worker: Worker): void => void workers.push(worker);
  process.on("worker", note);
  t.after(() => process.off("worker", note));
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const idle = await bench.open(t, {}, { id: "b", dir: `${bench.directory}/b`, tty: true });
  const before = countDescriptors();
  const goOn = `${bench.directory}/go-on`;
  const running = bench.run(`echo 1; echo 2; until [ -e "${goOn}" ]; do sleep 0.05; done; echo 3`, streams);
  while (!joinLog(readLog(bench.logPath)).includes("2\n")) await new Promise((resolve) => setTimeout(resolve, 5));
  await workers[0]?.terminate();
  // It waits for the new one.
  await streams.reopenLog();
  writeFileSync(goOn, "");
  await running;
  equal(joinLog(readLog(bench.logPath)), "1\n2\n3\n");
  equal(bench.notes.map(({ message }) => message).join(), "thread that writes container logs has died");
  equal(workers.length, 2);
  await streams.close();
  ok(countDescriptors() <= before - 3, "nothing of the dead thread's is open");
  await idle.close();
});

test("what waits for a log thread that dies does not hang", async (t) => {
  const workers: Worker[] = [];
  const note = (worker: Worker): void => void workers.push(worker);
  process.on("worker", note);
  t.after(() => process.off("worker", note));
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const closing = streams.close();
  await Promise.all([workers[0]?.terminate(), closing]);
});
