import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { chmod, copyFile, mkdtemp, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";
import { cgroupExists, isProcessAlive } from "@crib/linux";
import type { Sandbox, SandboxInstance } from "@crib/sandboxer";
import { AwakeTime } from "@crib/sandboxer/testing";

import { findRuntimeBinary, toKernelIdentity } from "../../tasks/index.ts";
import { needsShim, testShims } from "./testing/needs-shim.ts";
import { PodsandboxFixture, type PodsandboxFixtureOptions } from "./testing/podsandbox-fixture.ts";

interface RunningPod {
  readonly fixture: PodsandboxFixture;
  readonly sandbox: Sandbox;
  readonly instance: SandboxInstance;
  readonly shimPid: number;
}

const grace = { graceMs: 1_000 };

async function runPod(t: TestContext, options: Partial<PodsandboxFixtureOptions> = {}): Promise<RunningPod> {
  const fixture = await PodsandboxFixture.make({ pause: "always", ...options });
  t.after(() => fixture[Symbol.asyncDispose]());
  const sandbox = await fixture.sandbox();
  await fixture.controller.create(sandbox, t.signal);
  const instance = await fixture.controller.start(sandbox.id, t.signal);
  const { info } = await fixture.controller.status(sandbox.id, { verbose: true }, t.signal);
  return { fixture, sandbox, instance, shimPid: Number(info["shimPid"]) };
}

/** Nothing of the pod, its cgroup included: runc had filled that, so the controller sees to it. */
async function isAllGone({ fixture, sandbox }: RunningPod): Promise<void> {
  deepEqual(await fixture.leftovers(sandbox), []);
  equal(await cgroupExists(sandbox.cgroupPath), false);
}

const tick = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

async function dropProcess(path: string): Promise<void> {
  const { process: _, ...record } = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  await writeFile(path, JSON.stringify(record));
}

async function emptyAndUnlink(bundle: string): Promise<void> {
  const { address } = JSON.parse(await readFile(join(bundle, "bootstrap.json"), "utf8")) as { address: string };
  await unlink(address.slice("unix://".length));
  await unlink(join(bundle, "bootstrap.json"));
  await writeFile(join(bundle, "shim.json"), "");
}

const isLate = ({ code }: StatusError): boolean => code === Code.Canceled || code === Code.DeadlineExceeded;

/** A runtime that does something else at `create` and is runc for all else. */
async function oddRunc(t: TestContext, create: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "crib-runc-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, "runc");
  await writeFile(path, `#!/bin/sh\ncase " $* " in *" create "*) ${create};; esac\nexec runc "$@"\n`);
  await chmod(path, 0o755);
  return path;
}

suite("pods under fault", { concurrency: 4 }, () => {
  for (const { label, path } of testShims()) {
    test(
      `shim ${label}: its death ends the pause within a second, and shutdown removes the rest`,
      needsShim,
      async (t) => {
        const pod = await runPod(t, { runtimePath: path });
        const { controller } = pod.fixture;
        const { process: pause } = pod.instance;
        ok(pause !== undefined);
        const wait = controller.wait(pod.sandbox.id, t.signal);
        using awake = new AwakeTime();
        process.kill(pod.shimPid, "SIGKILL");
        equal((await wait).exitCode, 255);
        ok(awake.ms < 1_000, "noticed too late");
        while (isProcessAlive(toKernelIdentity(pause)) && awake.ms < 2_000) await tick();
        equal(isProcessAlive(toKernelIdentity(pause)), false, "the pause outlives its shim");
        await controller.stop(pod.sandbox.id, grace, t.signal);
        await controller.shutdown(pod.sandbox.id, t.signal);
        await isAllGone(pod);
      },
    );

    test(`shim ${label}: the death of the pause is told with its code, and nothing leaks`, needsShim, async (t) => {
      const pod = await runPod(t, { runtimePath: path });
      const wait = pod.fixture.controller.wait(pod.sandbox.id, t.signal);
      process.kill(pod.instance.process?.pid ?? 0, "SIGKILL");
      equal((await wait).exitCode, 137);
      await pod.fixture.controller.shutdown(pod.sandbox.id, t.signal);
      await isAllGone(pod);
    });
  }

  test("a shim that hangs does not keep its pod from stopping, nor itself from going", needsShim, async (t) => {
    const budgets = { shutdown: 200 };
    const pod = await runPod(t, { budgets: { stopMs: 300 }, shimBudgets: budgets });
    process.kill(pod.shimPid, "SIGSTOP");
    await pod.fixture.controller.stop(pod.sandbox.id, grace, t.signal);
    equal((await pod.fixture.controller.status(pod.sandbox.id, { verbose: false }, t.signal)).state, "exited");
    await pod.fixture.controller.shutdown(pod.sandbox.id, t.signal);
    await isAllGone(pod);
  });

  test(
    "a shim that died while no daemon ran leaves a pod that is adopted as exited, its pause ended",
    needsShim,
    async (t) => {
      const pod = await runPod(t);
      const next = await pod.fixture.restart();
      process.kill(pod.shimPid, "SIGKILL");
      const status = await next.adopt(pod.sandbox, pod.instance, t.signal);
      equal(status.state, "exited");
      equal(status.exit?.exitCode, 255);
      ok(pod.instance.process !== undefined);
      equal(isProcessAlive(toKernelIdentity(pod.instance.process)), false);
      await next.shutdown(pod.sandbox.id, t.signal);
      await isAllGone(pod);
    },
  );

  test("a pod whose shim died is removed by a daemon that was never told of it", needsShim, async (t) => {
    const pod = await runPod(t);
    const next = await pod.fixture.restart();
    process.kill(pod.shimPid, "SIGKILL");
    await next.shutdown(pod.sandbox.id, t.signal);
    await isAllGone(pod);
  });

  test("the exit of a pause that ended while no daemon ran is told as it was", needsShim, async (t) => {
    const pod = await runPod(t);
    const next = await pod.fixture.restart();
    process.kill(pod.instance.process?.pid ?? 0, "SIGKILL");
    const killedAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const adoptedAt = Date.now();
    const { exit } = await next.adopt(pod.sandbox, pod.instance, t.signal);
    equal(exit?.exitCode, 137);
    const exitedAt = exit?.exitedAt.getTime() ?? 0;
    ok(exitedAt > killedAt - 250 && exitedAt < adoptedAt, "the time is the shim's, not that of the restart");
  });

  for (const [what, damage] of [
    ["no bootstrap.json", async (bundle: string) => unlink(join(bundle, "bootstrap.json"))],
    ["a bootstrap.json cut short", async (bundle: string) => writeFile(join(bundle, "bootstrap.json"), '{"versi')],
    ["no record of its process", async (bundle: string) => dropProcess(join(bundle, "shim.json"))],
    ["no shim.json", async (bundle: string) => unlink(join(bundle, "shim.json"))],
    ["an empty shim.json and no socket", async (bundle: string) => emptyAndUnlink(bundle)],
    ["no config.json", async (bundle: string) => unlink(join(bundle, "config.json"))],
    ["no bundle at all", async (bundle: string) => rm(bundle, { recursive: true })],
  ] as const) {
    test(`a running pod with ${what} is removed by the next daemon`, needsShim, async (t) => {
      const pod = await runPod(t);
      const next = await pod.fixture.restart();
      await damage(pod.fixture.shims.bundle(pod.sandbox.id));
      await next.shutdown(pod.sandbox.id, t.signal);
      deepEqual(await pod.fixture.leftovers(pod.sandbox), []);
    });
  }

  test("a pod is removed even when its shim has died and the shim's program is gone", needsShim, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "crib-copy-"));
    t.after(() => rm(dir, { recursive: true, force: true }));
    const copy = join(dir, "containerd-shim-runc-v2");
    const search = { path: process.env["PATH"] ?? "" };
    await copyFile(await findRuntimeBinary({ runtimeType: "io.containerd.runc.v2", runtimePath: "" }, search), copy);
    const pod = await runPod(t, { runtimePath: copy });
    const next = await pod.fixture.restart();
    await unlink(copy);
    process.kill(pod.shimPid, "SIGKILL");
    await next.shutdown(pod.sandbox.id, t.signal);
    await isAllGone(pod);
  });

  for (const [what, create] of [
    ["hangs", "sleep 60"],
    ["hangs beyond its own group", "setsid sleep 60"],
    ["ignores SIGTERM", "trap '' TERM; sleep 60"],
    ["is stopped", "kill -STOP $$"],
    ["hangs after it has made the container", 'runc "$@"; sleep 60'],
  ] as const) {
    test(`a runtime that ${what} fails the start, and shutdown leaves nothing of it`, needsShim, async (t) => {
      const fixture = await PodsandboxFixture.make({
        pause: "always",
        options: { BinaryName: await oddRunc(t, create) },
        shimBudgets: {},
      });
      t.after(() => fixture[Symbol.asyncDispose]());
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      const start = fixture.controller.start(sandbox.id, AbortSignal.timeout(700));
      // As it is told at the edge: it may be the signal's own, where that was aborted before the runtime was started.
      await rejects(start, (error) => isLate(StatusError.from(error)));
      await fixture.controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });
  }

  for (const [what, create] of [
    ["fails", "echo no such thing >&2; exit 1"],
    ["does nothing", "exit 0"],
    ["prints garbage", "head -c 100000 /dev/urandom; exit 1"],
    ["is killed", "kill -9 $$"],
  ] as const) {
    test(`a runtime that ${what} is an error of the start, and shutdown leaves nothing`, needsShim, async (t) => {
      const fixture = await PodsandboxFixture.make({
        pause: "always",
        options: { BinaryName: await oddRunc(t, create) },
      });
      t.after(() => fixture[Symbol.asyncDispose]());
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      await rejects(fixture.controller.start(sandbox.id, t.signal), { message: new RegExp(sandbox.id) });
      await fixture.controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });
  }

  test("a localhost seccomp profile that is missing stops the pod before anything is made", needsShim, async (t) => {
    const fixture = await PodsandboxFixture.make({ pause: "always" });
    t.after(() => fixture[Symbol.asyncDispose]());
    const security = { supplementalGroups: [], readonlyRootfs: false } as const;
    const path = join(fixture.dir, "missing.json");
    const sandbox = await fixture.sandbox({ security: { ...security, seccomp: { kind: "localhost", path } } });
    await rejects(fixture.controller.create(sandbox, t.signal), { code: Code.NotFound, message: /missing\.json/ });
    deepEqual(await fixture.leftovers(sandbox), []);
  });
});
