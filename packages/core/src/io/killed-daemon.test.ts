import { equal, ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { fifoPaths } from "./fifos.ts";
import { joinLog, readLog, StdioBench, untilExit } from "./testing/stdio-bench.ts";

const program = fileURLToPath(import.meta.resolve("./testing/run-stdio.ts"));
const lineBytes = 100;
const count = 100_000;

async function start(how: "open" | "adopt", request: unknown): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, how, JSON.stringify(request)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

/** Fails for a line that came twice or out of order. Gives how many did not come. */
function countLost(texts: readonly string[]): number {
  let last = 0;
  let lost = 0;
  for (const text of texts) {
    // A line that was cut by a kill.
    if (text.length !== lineBytes - 1) continue;
    const number = Number(text);
    ok(number > last, `${number} after ${last}`);
    lost += number - last - 1;
    last = number;
  }
  return lost + count - last;
}

test("a daemon that is killed loses at most one read of each output and leaves no torn line", async () => {
  await using bench = new StdioBench({ isLazy: true });
  const request = bench.request();
  const paths = fifoPaths({ dir: request.dir, stdin: false, stdout: true, stderr: true });
  let daemon = await start("open", request);
  const seq = (from: number, to: number): string => `seq -f %0${lineBytes - 1}.0f ${from} ${to}`;
  // However slow the machine, it is not done before the second kill.
  const gate = join(bench.directory, "gate");
  const half = count / 2;
  const all = `{ ${seq(1, half)}; until [ -e "${gate}" ]; do sleep 0.02; done; ${seq(half + 1, count)}; }`;
  const writer = bench.start(`${all} & ${all} >&2; wait`, { paths });
  let kills = 0;
  while (writer.exitCode === null && kills < 3) {
    await delay(20 + kills * 15);
    if (!daemon.kill("SIGKILL")) break;
    await once(daemon, "exit");
    kills += 1;
    if (kills === 2) writeFileSync(gate, "");
    daemon = await start("adopt", request);
  }
  await untilExit(daemon);
  equal(daemon.exitCode, 0);
  ok(kills > 1, `${kills} kills`);
  const lines = readLog(bench.logPath);
  for (const name of ["stdout", "stderr"] as const) {
    const lost = countLost(joinLog(lines, name).split("\n"));
    // A line that was cut counts as a whole one.
    ok(lost * lineBytes <= kills * (64 * 1024 + 2 * lineBytes), `${lost} lines of ${name} lost by ${kills} kills`);
  }
});
