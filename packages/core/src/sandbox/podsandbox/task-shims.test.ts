import { deepEqual, equal, match, notEqual, rejects } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { suite, test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { waitProcessGone } from "@crib/linux";
import type { ProcessIdentity, Sandbox } from "@crib/sandboxer";

import { createTaskServices, type TaskService, type TaskServices, toKernelIdentity } from "../../tasks/index.ts";
import { processesNaming } from "../testing/processes-naming.ts";
import { needsShim, testShims } from "./testing/needs-shim.ts";
import { PodsandboxFixture, type PodsandboxFixtureOptions } from "./testing/podsandbox-fixture.ts";

interface Scene {
  readonly fixture: PodsandboxFixture;
  readonly sandbox: Sandbox;
  readonly services: TaskServices;
  readonly of: () => Promise<TaskService>;
}

async function runPod(t: TestContext, options: Partial<PodsandboxFixtureOptions> = {}): Promise<Scene> {
  const fixture = await PodsandboxFixture.make({ pause: "auto", prestart: false, ...options });
  t.after(() => fixture[Symbol.asyncDispose]());
  const sandbox = await fixture.sandbox();
  await fixture.controller.create(sandbox, t.signal);
  await fixture.controller.start(sandbox.id, t.signal);
  const services = createTaskServices({ controllerOf: () => fixture.controller });
  t.after(() => services.close());
  return { fixture, sandbox, services, of: () => services.of(sandbox.id, t.signal) };
}

/** Shims of the pod, by its bundle in their command line. */
async function shimsOf({ sandbox }: Scene): Promise<readonly number[]> {
  const found = await processesNaming(sandbox.id);
  return found.filter(({ command }) => command.includes("-id ")).map(({ pid }) => pid);
}

/** Settles when it is gone: until then it may still be answered for. */
async function kill(shim: ProcessIdentity | undefined): Promise<void> {
  if (shim === undefined) throw new Error("no shim to kill");
  process.kill(shim.pid, "SIGKILL");
  await waitProcessGone(toKernelIdentity(shim), { timeoutMs: 60_000 });
}

async function adopt({ fixture, sandbox }: Scene, signal: AbortSignal): Promise<void> {
  const { namespaces } = sandbox;
  await (await fixture.restart()).adopt(sandbox, { createdAt: new Date(), labels: {}, namespaces }, signal);
}

for (const { label, path } of testShims()) {
  suite(`the task shim of a pod without pause, shim ${label}`, { concurrency: 3 }, () => {
    const start = (t: TestContext, options: Partial<PodsandboxFixtureOptions> = {}): Promise<Scene> =>
      runPod(t, { runtimePath: path, ...options });

    test("is started once, however many ask at the same time, and not before", needsShim, async (t) => {
      const scene = await start(t);
      deepEqual(await shimsOf(scene), []);
      const { controller } = scene.fixture;
      const { id } = scene.sandbox;
      const answers = await Promise.all(Array.from({ length: 8 }, () => controller.endpoint(id, t.signal)));
      equal(new Set(answers.map(({ address }) => address)).size, 1);
      const service = await scene.of();
      equal(await scene.of(), service);
      deepEqual(await shimsOf(scene), [service.process?.pid]);
    });

    test("is started beforehand in the background, and found there", needsShim, async (t) => {
      const scene = await start(t, { prestart: true });
      while ((await shimsOf(scene)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      const service = await scene.of();
      deepEqual(await shimsOf(scene), [service.process?.pid]);
    });

    test("is taken up by the next daemon, and not started again", needsShim, async (t) => {
      const scene = await start(t);
      const before = await scene.of();
      scene.services.close();
      await adopt(scene, t.signal);
      const services = createTaskServices({ controllerOf: () => scene.fixture.controller });
      t.after(() => services.close());
      const after = await services.of(scene.sandbox.id, t.signal);
      deepEqual(after.process, before.process);
      deepEqual(after.endpoint, before.endpoint);
    });

    test("is started anew when it has died: its loss is told, and what it left is gone", needsShim, async (t) => {
      const scene = await start(t);
      const before = await scene.of();
      process.kill(before.process?.pid ?? 0, "SIGKILL");
      equal((await before.closed).code, Code.Unavailable);
      const after = await scene.of();
      notEqual(after.process?.pid, before.process?.pid);
      deepEqual(await shimsOf(scene), [after.process?.pid]);
      await after.tasks.connect(scene.sandbox.id, t.signal);
    });

    test("is started anew by a daemon that did not see it die", needsShim, async (t) => {
      const scene = await start(t);
      const before = await scene.of();
      scene.services.close();
      await kill(before.process);
      await adopt(scene, t.signal);
      const address = (await scene.fixture.controller.endpoint(scene.sandbox.id, t.signal)).address;
      equal(address, before.endpoint.address);
      equal((await shimsOf(scene)).length, 1);
    });

    test("goes with its pod, also when it is about to start", needsShim, async (t) => {
      for (const waitMs of [0, 3, 8, 15]) {
        const scene = await start(t, { prestart: true });
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        await scene.fixture.controller.shutdown(scene.sandbox.id, t.signal);
        deepEqual(await scene.fixture.leftovers(scene.sandbox), []);
        await rejects(scene.of(), { code: Code.NotFound });
      }
    });

    test("is none of the daemon's cgroup", needsShim, async (t) => {
      const scene = await start(t);
      const { process: shim } = await scene.of();
      const [own, its] = await Promise.all(
        [process.pid, shim?.pid].map((pid) => readFile(`/proc/${pid}/cgroup`, "utf8")),
      );
      // Only where the daemon is below the root is there anything to leave.
      for (const line of (own ?? "").trim().split("\n")) {
        const [id, , cgroup = "/"] = line.split(":");
        if (cgroup === "/") continue;
        match(its ?? "", new RegExp(`^${id}:.*crib-ps-.*/shims$`, "m"));
      }
    });
  });
}

test("a pod that has been stopped gets no new shim", needsShim, async (t) => {
  const scene = await runPod(t);
  const { process: shim } = await scene.of();
  await scene.fixture.controller.stop(scene.sandbox.id, { graceMs: 0 }, t.signal);
  await kill(shim);
  await rejects(scene.fixture.controller.endpoint(scene.sandbox.id, t.signal), { code: Code.NotFound });
  deepEqual(await shimsOf(scene), []);
});

test("the shim of a pause that has died is not started anew", needsShim, async (t) => {
  const scene = await runPod(t, { pause: "always" });
  const { process: shim } = await scene.of();
  await kill(shim);
  await rejects(scene.fixture.controller.endpoint(scene.sandbox.id, t.signal), { code: Code.NotFound });
});

test("a shim that cannot be started beforehand is said once, and an error of who needs it", needsShim, async (t) => {
  const logged: string[] = [];
  const scene = await runPod(t, {
    prestart: true,
    runtimePath: "/nonexistent/shim",
    log: (level, message) => logged.push(`${level} ${message}`),
  });
  await rejects(scene.of(), /shim/);
  deepEqual(logged, ["warn task shim is not started beforehand"]);
  deepEqual(await readdir(`${scene.fixture.dir}/tasks`).catch(() => []), []);
});
