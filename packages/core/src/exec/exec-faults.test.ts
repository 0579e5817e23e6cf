import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsShim } from "../sandbox/podsandbox/testing/needs-shim.ts";
import { endLeftExecs, execDir } from "./process/end-left-execs.ts";
import { ContainerProcesses } from "./process/exec-process.ts";
import { ContainerFixture } from "./testing/container-fixture.ts";
import { eventually, Sink, text } from "./testing/text.ts";

const never = new AbortController().signal;
const sleep = { args: ["sleep", "2222"], tty: false };

suite("Execs whose shim, container or daemon ends", needsShim, () => {
  test("the end of the container ends them, with the exit code that the shim tells", async () => {
    await using fixture = await ContainerFixture.make();
    const execs = fixture.execs();
    const sync = execs.execSync(fixture.id, { ...sleep, timeoutMs: 0 }, never);
    const stream = execs.exec(fixture.id, sleep, { stdout: new Sink() }, never);
    await eventually("both run", async () => (await fixture.countOf("sleep 2222")) === 2);
    const { tasks } = await fixture.services.of(fixture.sandbox.id, never);
    await tasks.kill({ id: fixture.id, signal: 9, all: true }, never);
    equal((await sync).exitCode, 137);
    equal(await stream, 137);
    deepEqual(await fixture.execDirs(), []);
  });

  test("a dead shim is Unavailable to their callers, and no FIFO is left", async () => {
    await using fixture = await ContainerFixture.make();
    const execs = fixture.execs();
    const { process: shim } = await fixture.services.of(fixture.sandbox.id, never);
    const sync = execs.execSync(fixture.id, { ...sleep, timeoutMs: 0 }, never);
    const stream = execs.exec(fixture.id, sleep, { stdout: new Sink() }, never);
    await eventually("both run", async () => (await fixture.countOf("sleep 2222")) === 2);
    process.kill(shim?.pid ?? 0, "SIGKILL");
    await Promise.all([sync, stream].map((exec) => rejects(exec, { code: Code.Unavailable })));
    await eventually("the FIFOs are gone", async () => (await fixture.execDirs()).length === 0);
  });

  test("a shim that hangs holds up no caller: not with a timeout, and not without one", async () => {
    await using fixture = await ContainerFixture.make();
    const execs = fixture.execs({ pulse: { everyMs: 200, answerMs: 2_500 } });
    const { process: shim } = await fixture.services.of(fixture.sandbox.id, never);
    const stream = execs.exec(fixture.id, sleep, { stdout: new Sink() }, never);
    const hung = rejects(stream, { code: Code.Unavailable, message: /hangs/ });
    await eventually("it runs", async () => (await fixture.countOf("sleep 2222")) === 1);
    process.kill(shim?.pid ?? 0, "SIGSTOP");
    try {
      const begun = performance.now();
      const late = execs.execSync(fixture.id, { ...sleep, timeoutMs: 200 }, never);
      await Promise.all([rejects(late, { code: Code.DeadlineExceeded }), hung]);
      ok(performance.now() - begun < 60_000);
    } finally {
      process.kill(shim?.pid ?? 0, "SIGCONT");
    }
    await eventually(
      "what it was told is undone when it goes on",
      async () => (await fixture.countOf("sleep 2222")) === 0,
    );
    await eventually("the FIFOs are gone", async () => (await fixture.execDirs()).length === 0);
  });

  test("who is told that a command took too long does not find it running, however slow the shim is", async () => {
    await using fixture = await ContainerFixture.make();
    const { process: shim } = await fixture.services.of(fixture.sandbox.id, never);
    process.kill(shim?.pid ?? 0, "SIGSTOP");
    let isSlow = true;
    setTimeout(() => {
      isSlow = false;
      process.kill(shim?.pid ?? 0, "SIGCONT");
    }, 2_000);
    await rejects(fixture.execs().execSync(fixture.id, { ...sleep, timeoutMs: 200 }, never), {
      code: Code.DeadlineExceeded,
    });
    // Only now the shim could begin with it.
    equal(isSlow, false);
    equal(await fixture.countOf("sleep 2222"), 0);
    deepEqual(await fixture.execDirs(), []);
  });

  test("what an earlier daemon ran is ended and its FIFOs removed by the next one", async () => {
    await using fixture = await ContainerFixture.make();
    const former = await fixture.services.of(fixture.sandbox.id, never);
    const execId = "e".repeat(32);
    const { tasks } = former;
    const spec = await new ContainerProcesses().forExec(fixture.record, sleep);
    await tasks.exec({ id: fixture.id, execId, spec }, never);
    await tasks.start(fixture.id, execId, never);
    await mkdir(execDir(fixture.bundleDir, execId), { recursive: true });
    await writeFile(join(execDir(fixture.bundleDir, execId), "stdout"), "");
    await tasks.exec({ id: fixture.id, execId: "d".repeat(32), spec }, never); // never started
    await mkdir(execDir(fixture.bundleDir, "d".repeat(32)));
    await fixture.restart();
    await mkdir(execDir(fixture.bundleDir, "f".repeat(32))); // its daemon died before the shim was told
    const service = await fixture.services.of(fixture.sandbox.id, never);
    const logged: string[] = [];
    const log = (_: string, message: string): number => logged.push(message);
    const request = { containerId: fixture.id, bundleDir: fixture.bundleDir, service, log };
    await endLeftExecs(request, never);
    deepEqual([await fixture.execDirs(), logged], [[], []]);
    equal(await fixture.countOf("sleep 2222"), 0);
    await rejects(service.tasks.state(fixture.id, execId, never), { code: Code.NotFound });
    await endLeftExecs(request, never);
    const { stdout } = await fixture
      .execs()
      .execSync(fixture.id, { args: ["echo", "new"], tty: false, timeoutMs: 0 }, never);
    equal(text(stdout), "new\n");
  });

  test("a container whose specification cannot be read is FailedPrecondition", async () => {
    await using fixture = await ContainerFixture.make();
    await writeFile(join(fixture.bundleDir, "config.json"), "{");
    const broken = fixture.execs().execSync(fixture.id, { ...sleep, timeoutMs: 0 }, never);
    await rejects(broken, { code: Code.FailedPrecondition, message: /config\.json/ });
    equal((await readdir(fixture.bundleDir)).includes("exec"), false);
  });
});
