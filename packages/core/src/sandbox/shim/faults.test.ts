import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { existsSync } from "node:fs";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import { findProcessesByEnv } from "@crib/linux";
import type { Sandbox } from "@crib/sandboxer";

import { needsRoot } from "./testing/needs-root.ts";
import type { ShimFaults } from "./testing/shim-faults.ts";
import { ShimFixture, type ShimFixtureOptions } from "./testing/shim-fixture.ts";

const grace = { graceMs: 100 };

async function sandboxWith(
  t: TestContext,
  faults: ShimFaults,
  options: ShimFixtureOptions = {},
): Promise<{ readonly fixture: ShimFixture; readonly sandbox: Sandbox; readonly id: string }> {
  const fixture = await ShimFixture.make({ ...options, faults });
  t.after(() => fixture[Symbol.asyncDispose]());
  const sandbox = await fixture.sandbox();
  return { fixture, sandbox, id: sandbox.id };
}

/** Ends a sandbox, and makes sure that nothing of it is left. */
async function end({ fixture, sandbox }: { fixture: ShimFixture; sandbox: Sandbox }, t: TestContext): Promise<void> {
  await fixture.controller.stop(sandbox.id, grace, t.signal);
  equal((await fixture.controller.status(sandbox.id, { verbose: false }, t.signal)).state, "exited");
  await fixture.controller.shutdown(sandbox.id, t.signal);
  deepEqual(await fixture.leftovers(sandbox), []);
}

/** Only a shim that hangs is to be late. Creating has as much as starting, and is to succeed before a start that hangs. */
function startLimit({ hang = [] }: ShimFaults): ShimFixtureOptions {
  if (hang.includes("createSandbox")) return { budgets: { start: 1_500 } };
  return hang.includes("startSandbox") ? { budgets: { start: 5_000 } } : {};
}

suite("shims that do not do as they should", { concurrency: 4 }, () => {
  test("a shim without the Sandbox API is named, and everything of it is taken back", needsRoot, async (t) => {
    const { fixture, sandbox } = await sandboxWith(t, { noSandboxApi: true });
    const refused = { code: Code.FailedPrecondition, message: /\/shim" does not serve the Sandbox API/ };
    await rejects(fixture.controller.create(sandbox, t.signal), refused);
    deepEqual(await fixture.leftovers(sandbox), []);
    await rejects(fixture.controller.create(sandbox, t.signal), refused, "the id is free again");
  });

  const broken: readonly (readonly [string, ShimFaults, Code])[] = [
    ["refuses to create", { fail: { createSandbox: Code.ResourceExhausted } }, Code.ResourceExhausted],
    ["dies as it creates", { die: ["createSandbox"] }, Code.Unavailable],
    ["hangs as it creates", { hang: ["createSandbox"] }, Code.DeadlineExceeded],
  ];
  for (const [what, faults, code] of broken) {
    test(`a shim that ${what} leaves nothing`, needsRoot, async (t) => {
      const { fixture, sandbox, id } = await sandboxWith(t, faults, startLimit(faults));
      await rejects(fixture.controller.create(sandbox, t.signal), { code, message: new RegExp(id) });
      deepEqual(await fixture.leftovers(sandbox), []);
      await rejects(fixture.controller.status(id, { verbose: false }, t.signal), { code: Code.NotFound });
      await fixture.controller.shutdown(id, t.signal);
    });
  }

  const unstarted: readonly (readonly [string, ShimFaults, Code])[] = [
    ["refuses to start", { fail: { startSandbox: Code.Internal } }, Code.Internal],
    ["dies as it starts", { die: ["startSandbox"] }, Code.Unavailable],
    ["hangs as it starts", { hang: ["startSandbox"] }, Code.DeadlineExceeded],
    ["names no process and no namespace", { pid: 0 }, Code.FailedPrecondition],
    ["names a process of somebody else", { pid: 1 }, Code.FailedPrecondition],
    ["names a process in the host's namespaces", { bare: true }, Code.FailedPrecondition],
  ];
  for (const [what, faults, code] of unstarted) {
    test(`the sandbox of a shim that ${what} is not started, and ends`, needsRoot, async (t) => {
      const it = await sandboxWith(t, faults, startLimit(faults));
      const { fixture, sandbox, id } = it;
      await fixture.controller.create(sandbox, t.signal);
      const message = code === Code.FailedPrecondition ? /no ipc|no uts/ : new RegExp(id);
      await rejects(fixture.controller.start(id, t.signal), { code, message });
      notEqual((await fixture.controller.status(id, { verbose: false }, t.signal)).state, "ready");
      await end(it, t);
    });
  }

  const unwilling: readonly (readonly [string, ShimFaults])[] = [
    ["hangs as it stops", { hang: ["stopSandbox"] }],
    ["dies as it stops", { die: ["stopSandbox"] }],
    ["refuses to stop", { fail: { stopSandbox: Code.Internal } }],
    ["says that it has stopped, and runs on", { stopLies: true }],
    ["hangs as it is shut down", { hang: ["shutdownSandbox"] }],
    ["dies as it is shut down", { die: ["shutdownSandbox"] }],
    ["refuses to shut down", { fail: { shutdownSandbox: Code.Unknown } }],
    ["stays when it was shut down", { staysAfterShutdown: true }],
    ["never answers Wait", { wait: "never" }],
    ["answers no status", { hang: ["sandboxStatus"] }],
  ];
  for (const [what, faults] of unwilling) {
    test(`a shim that ${what} ends all the same`, needsRoot, async (t) => {
      const it = await sandboxWith(t, faults);
      const { fixture, sandbox, id } = it;
      await fixture.controller.create(sandbox, t.signal);
      await fixture.controller.start(id, t.signal);
      const wait = fixture.controller.wait(id, t.signal);
      await end(it, t);
      await wait;
    });
  }

  const odd: readonly (readonly [string, ShimFaults])[] = [
    ["answers Wait at once", { wait: "at-once" }],
    ["answers Wait at once and calls its states otherwise", { wait: "at-once", states: ["Running", "stopped"] }],
    ["has no Wait", { fail: { waitSandbox: Code.Unimplemented } }],
    ["has no Status", { fail: { sandboxStatus: Code.Unimplemented } }],
    ["has states that nobody knows", { states: ["up and well", "in the woods"] }],
  ];
  for (const [what, faults] of odd) {
    test(`the sandbox of a shim that ${what} is ready until it ends`, needsRoot, async (t) => {
      const it = await sandboxWith(t, faults);
      const { fixture, sandbox, id } = it;
      await fixture.controller.create(sandbox, t.signal);
      await fixture.controller.start(id, t.signal);
      await delay(300);
      equal((await fixture.controller.status(id, { verbose: false }, t.signal)).state, "ready");
      await fixture.destroyBoundary(sandbox);
      const exit = await fixture.controller.wait(id, t.signal);
      notEqual(exit.exitCode, 0);
      await end(it, t);
    });
  }
});

suite("shims of other kinds", { concurrency: 4 }, () => {
  test("calls that a shim does not have are done without", needsRoot, async (t) => {
    const missing = { pingSandbox: 12, platform: 12, sandboxMetrics: 12, createSandbox: Code.AlreadyExists } as const;
    const it = await sandboxWith(t, { fail: missing });
    const { fixture, sandbox, id } = it;
    await fixture.controller.create(sandbox, t.signal);
    const instance = await fixture.controller.start(id, t.signal);
    equal((await fixture.controller.platform(id, t.signal)).os, "linux");
    equal(await fixture.controller.metrics(id, t.signal), undefined);
    await fixture.restart();
    equal((await fixture.controller.adopt(sandbox, instance, t.signal)).state, "ready");
    await end(it, t);
  });

  test("a pid of no process of this host is accepted with a specification", needsRoot, async (t) => {
    const it = await sandboxWith(t, { pid: 0, spec: true });
    const { fixture, sandbox, id } = it;
    await fixture.controller.create(sandbox, t.signal);
    const { process, namespaces, spec } = await fixture.controller.start(id, t.signal);
    equal(process, undefined);
    for (const kind of ["ipc", "uts"] as const) {
      equal(namespaces[kind], `${fixture.shims.bundle(id)}/${kind}.ns`);
      ok(spec?.includes(namespaces[kind]));
    }
    await end(it, t);
  });

  test("namespaces that are named nowhere are the shim's to put in where its handler says so", needsRoot, async (t) => {
    for (const faults of [{ pid: 0 }, { bare: true }]) {
      const it = await sandboxWith(t, faults, { namespacePaths: "proc" });
      const { fixture, sandbox, id } = it;
      await fixture.controller.create(sandbox, t.signal);
      const { namespaces } = await fixture.controller.start(id, t.signal);
      deepEqual(namespaces, { ...sandbox.namespaces, ipc: "/proc/0/ns/ipc", uts: "/proc/0/ns/uts" });
      await end(it, t);
    }
  });

  const answers: readonly (readonly [string, ShimFaults, number])[] = [
    ["its address alone", { answer: "address" }, 2],
    ["a path", { answer: "path" }, 2],
    ["version 2", { version: 2 }, 2],
    ["version 3", { version: 3 }, 3],
  ];
  for (const [what, faults, version] of answers) {
    test(`a shim that says ${what} serves tasks of version ${version}`, needsRoot, async (t) => {
      const it = await sandboxWith(t, faults);
      const { fixture, sandbox, id } = it;
      await fixture.controller.create(sandbox, t.signal);
      await fixture.controller.start(id, t.signal);
      const endpoint = await fixture.controller.endpoint(id, t.signal);
      deepEqual(endpoint, { protocol: "ttrpc", address: `unix://${fixture.dir}/tasks/${id}/s`, version });
      await end(it, t);
    });
  }

  test("a connection that is lost is no death", needsRoot, async (t) => {
    const it = await sandboxWith(t, {});
    const { fixture, sandbox, id } = it;
    await fixture.controller.create(sandbox, t.signal);
    await fixture.controller.start(id, t.signal);
    process.kill((await fixture.server(sandbox)).pid, "SIGUSR2");
    await delay(300);
    equal((await fixture.controller.status(id, { verbose: false }, t.signal)).state, "ready");
    await fixture.destroyBoundary(sandbox);
    equal((await fixture.controller.wait(id, t.signal)).exitCode, 137);
    await end(it, t);
  });

  test("what a shim has started and left behind is ended with it", needsRoot, async (t) => {
    const it = await sandboxWith(t, { leaves: true });
    const { fixture, sandbox, id } = it;
    await fixture.controller.create(sandbox, t.signal);
    await fixture.controller.start(id, t.signal);
    const marked = await findProcessesByEnv("CRIB_SHIM", `${fixture.dir}/${id}`);
    equal(marked.filter(({ comm }) => comm === "sleep").length, 2);
    await end(it, t);
  });

  test("a shim that died while no daemon ran is exited, and its orphans are ended", needsRoot, async (t) => {
    const it = await sandboxWith(t, {});
    const { fixture, sandbox, id } = it;
    await fixture.controller.create(sandbox, t.signal);
    const instance = await fixture.controller.start(id, t.signal);
    await fixture.restart();
    await fixture.peer.kill(sandbox);
    equal((await fixture.controller.adopt(sandbox, instance, t.signal)).state, "exited");
    deepEqual(await findProcessesByEnv("CRIB_SHIM", `${fixture.dir}/${id}`), []);
    await end(it, t);
  });

  test("containerd's shim is refused by its name, and leaves nothing", needsRoot, async (t) => {
    const path = "/usr/bin/containerd-shim-runc-v2";
    if (!existsSync(path)) return t.skip(`needs ${path}`);
    const { fixture, sandbox } = await sandboxWith(t, {}, { runtimePath: path });
    const refused = {
      code: Code.FailedPrecondition,
      message: /containerd-shim-runc-v2" does not serve the Sandbox API/,
    };
    await rejects(fixture.controller.create(sandbox, t.signal), refused);
    deepEqual(await fixture.leftovers(sandbox), []);
  });
});
