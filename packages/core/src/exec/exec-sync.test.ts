import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, suite, test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsShim } from "../sandbox/podsandbox/testing/needs-shim.ts";
import { collectGarbage } from "./testing/collect-garbage.ts";
import { ContainerFixture } from "./testing/container-fixture.ts";
import { eventually, text } from "./testing/text.ts";
import type { ExecResult, Execs } from "./types.ts";

const never = new AbortController().signal;
const openFds = (): number => readdirSync("/proc/self/fd").length;

suite("ExecSync in a real container", needsShim, () => {
  let fixture: ContainerFixture;
  let execs: Execs;
  before(async () => {
    fixture = await ContainerFixture.make();
    execs = fixture.execs({ drainMs: 300 });
  });
  after(() => fixture[Symbol.asyncDispose]());

  const sh = async (script: string, timeoutMs = 0): Promise<ExecResult> =>
    await execs.execSync(fixture.id, { args: ["sh", "-c", script], tty: false, timeoutMs }, never);

  test("gives both outputs and the exit code, whatever it is", async () => {
    const { stdout, stderr, exitCode } = await sh("echo out; echo err >&2; exit 7");
    deepEqual([text(stdout), text(stderr), exitCode], ["out\n", "err\n", 7]);
    equal((await sh("kill -9 $$")).exitCode, 137);
    equal((await sh("true")).stdout.length, 0);
  });

  test("runs as the container's process does, without its terminal or an input", async () => {
    const { stdout } = await sh("echo $FROM $TERM; cat; grep -E 'CapInh|CapEff|NoNewPrivs' /proc/self/status");
    match(text(stdout), /^container\n/);
    const status = await execs.execSync(
      fixture.id,
      { args: ["cat", "/proc/self/status"], tty: false, timeoutMs: 0 },
      never,
    );
    match(text(status.stdout), /CapInh:\s0+\n[^]*CapEff:\s00000000000004e0\n[^]*NoNewPrivs:\s1/);
  });

  test("a program that is not there is an error that names the container", async () => {
    const missing = execs.execSync(fixture.id, { args: ["missing"], tty: false, timeoutMs: 0 }, never);
    await rejects(missing, { message: new RegExp(`container "${fixture.id}".*missing`) });
    deepEqual(await fixture.execDirs(), []);
  });

  test("a timeout kills the command with its children, and is DeadlineExceeded", async () => {
    const late = sh("sleep 1234 | cat", 200);
    await rejects(late, { code: Code.DeadlineExceeded, message: new RegExp(fixture.id) });
    await eventually("the children are gone", async () => !/sleep 1234/.test(text((await sh("ps")).stdout)));
    deepEqual(await fixture.execDirs(), []);
  });

  test("a caller that leaves ends the command", async () => {
    const leaving = new AbortController();
    const request = { args: ["sleep", "4321"], tty: false, timeoutMs: 0 };
    const left = execs.execSync(fixture.id, request, leaving.signal);
    await eventually("it runs", async () => /sleep 4321/.test(text((await sh("ps")).stdout)));
    leaving.abort();
    await rejects(left, { code: Code.Canceled });
    await eventually("it is gone", async () => !/sleep 4321/.test(text((await sh("ps")).stdout)));
  });

  test("a child that keeps the output open is waited for no longer than the drain time", async () => {
    const begun = performance.now();
    const { stdout, exitCode } = await sh("sleep 1000 & echo done");
    ok(performance.now() - begun < 60_000);
    deepEqual([text(stdout), exitCode], ["done\n", 0]);
    deepEqual(await fixture.execDirs(), []);
  });

  test("output beyond the limit is dropped, and the exit code is the true one", async () => {
    const small = fixture.execs({ limitBytes: 100_000 });
    const args = ["sh", "-c", "head -c 3000000 /dev/zero; head -c 99999 /dev/zero >&2; exit 5"];
    const result = await small.execSync(fixture.id, { args, tty: false, timeoutMs: 0 }, never);
    deepEqual([result.stdout.length, result.stderr.length, result.exitCode], [100_000, 99_999, 5]);
    match(fixture.logged.join(), /cut off.*2900000/);
  });

  test("twenty floods together keep no more than the budget, and a probe still has its output", async () => {
    const budgetBytes = 8 * 1024 * 1024;
    const few = fixture.execs({ budgetBytes });
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const flood = { args: ["cat", "/dev/zero"], tty: false, timeoutMs: 1_500 };
    const floods = Array.from({ length: 20 }, () => few.execSync(fixture.id, flood, never));
    for (const one of floods) one.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // Of what was read and let go there is as much as the collector likes.
    collectGarbage();
    const grown = process.memoryUsage().arrayBuffers - before;
    const probe = await few.execSync(fixture.id, { args: ["echo", "well"], tty: false, timeoutMs: 0 }, never);
    equal(text(probe.stdout), "well\n");
    for (const one of floods) await rejects(one, { code: Code.DeadlineExceeded });
    // Each of 40 streams keeps 64 KiB beside the budget; buffers on their way come on top.
    ok(grown < 2 * budgetBytes + 8 * 1024 * 1024, `${grown} bytes`);
  });

  test("many at a time and in a row leave no descriptor, FIFO or process", async () => {
    await sh("true");
    const before = openFds();
    const processes = text((await sh("ps")).stdout).split("\n").length;
    for (let round = 0; round < 3; round++) {
      const results = await Promise.all(Array.from({ length: 20 }, (_, index) => sh(`echo ${index}`)));
      deepEqual(
        results.map(({ stdout }) => Number(text(stdout))),
        [...results.keys()],
      );
    }
    equal(openFds(), before);
    deepEqual(await fixture.execDirs(), []);
    equal(text((await sh("ps")).stdout).split("\n").length, processes);
  });

  test("only a running container takes commands", async () => {
    const { record } = fixture;
    const at = (state: typeof record.state): Execs =>
      fixture.execs({ containers: { get: () => ({ ...record, state }) } });
    for (const state of ["created", "starting", "ending", "exited"] as const) {
      const code = Code.FailedPrecondition;
      const request = { args: ["true"], tty: false, timeoutMs: 0 };
      await rejects(at(state).execSync(fixture.id, request, never), {
        code,
        message: new RegExp(`"${fixture.id}".*${state}`),
      });
      await rejects(async () => at(state).checkRunning(fixture.id), { code });
      if (state === "created" || state === "starting") at(state).checkJoinable(fixture.id);
      else await rejects(async () => at(state).checkJoinable(fixture.id), { code });
    }
    execs.checkRunning(fixture.id);
  });
});
