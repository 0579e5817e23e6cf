import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { SandboxStatus } from "@crib/sandboxer";

import { hang } from "./testing/fake-sandboxer.ts";
import { ProxyFixture, type ProxyFixtureOptions } from "./testing/proxy-fixture.ts";

const grace = { graceMs: 100 };

async function prepare(t: TestContext, options: ProxyFixtureOptions = {}): Promise<ProxyFixture> {
  const fixture = await ProxyFixture.make(options);
  t.after(() => fixture[Symbol.asyncDispose]());
  return fixture;
}

async function status(fixture: ProxyFixture, id: string, signal: AbortSignal): Promise<SandboxStatus> {
  return await fixture.controller.status(id, { verbose: true }, signal);
}

/** Waits until it holds; fails after ten seconds. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await holds())) {
    ok(performance.now() < end, `not in time: ${what}`);
    await delay(5);
  }
}

suite("a proxy whose sandboxer", { concurrency: 4 }, () => {
  test("is away makes its sandboxes pending, fails calls by name, and has them back with it", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const [{ id }, other] = [await fixture.started(t.signal), await fixture.started(t.signal)];
    const wait = controller.wait(id, t.signal);
    equal(controller.pending?.(id), undefined);
    equal(controller.describe().state, "connected");
    await fake.down();
    await until("pending", () => controller.pending?.(id) !== undefined);
    const pending = await status(fixture, id, t.signal);
    equal(pending.state, "pending");
    equal(pending.pendingSince?.getTime(), controller.pending?.(id)?.since.getTime());
    ok(pending.info["reason"]);
    const { state, lastError, since } = controller.describe();
    equal(state, "lost");
    ok(lastError);
    const message = new RegExp(`sandboxer "fake" at "${fake.address}" cannot be reached since ${since.toISOString()}`);
    await rejects(controller.stop(id, grace, t.signal), { code: Code.Unavailable, message });
    await rejects(controller.shutdown(id, t.signal), { code: Code.Unavailable, message });
    await rejects(controller.create(await fixture.sandbox(), t.signal), { code: Code.Unavailable, message });
    await rejects(controller.platform(id, t.signal), { code: Code.Unavailable, message });
    match((await controller.endpoint(id, t.signal)).address, /^unix:/);
    await fake.up();
    await until("back", () => controller.pending?.(id) === undefined && controller.pending?.(other.id) === undefined);
    equal(controller.describe().state, "connected");
    equal((await status(fixture, id, t.signal)).state, "ready");
    await until("armed again", () => fake.requests("wait").filter(({ sandboxId }) => sandboxId === id).length === 2);
    await fake.end(id, 3);
    equal((await wait).exitCode, 3);
    equal((await status(fixture, other.id, t.signal)).state, "ready");
    equal(fixture.log.filter(({ message: text }) => text === "sandboxer cannot be reached").length, 1);
    equal(fixture.log.filter(({ message: text }) => text === "sandboxer is back").length, 1);
  });

  test("comes back without a sandbox ends that one, and no other", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const [gone, ended, kept] = [
      await fixture.started(t.signal),
      await fixture.started(t.signal),
      await fixture.started(t.signal),
    ];
    await fake.down();
    await until("pending", () => controller.pending?.(gone.id) !== undefined);
    fake.boxes.delete(gone.id);
    await fake.end(ended.id, 9);
    await fake.up();
    const exit = await controller.wait(gone.id, t.signal);
    deepEqual([exit.exitCode, exit.reason], [255, 'sandboxer "fake" does not know it any more']);
    equal((await controller.wait(ended.id, t.signal)).exitCode, 9);
    await until("back", () => controller.pending?.(kept.id) === undefined);
    equal((await status(fixture, kept.id, t.signal)).state, "ready");
    for (const { id } of [gone, ended, kept]) await controller.shutdown(id, t.signal);
  });

  test("is looked for by one prober, however many sandboxes wait, and asked a few at a time", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const ids = await Promise.all(Array.from({ length: 100 }, async () => (await fixture.started(t.signal)).id));
    await until("all waits", () => fake.requests("wait").length === 100);
    await fake.down();
    await until("lost", () => controller.describe().state === "lost");
    await delay(100);
    const before = fake.calls.length;
    let asked = 0;
    let most = 0;
    fake.faults.status = async ({ sandboxId }, next) => {
      if (!fake.boxes.has(sandboxId)) return await next();
      asked += 1;
      most = Math.max(most, asked);
      await delay(5);
      asked -= 1;
      return await next();
    };
    await fake.up();
    await until("back", () => ids.every((id) => controller.pending?.(id) === undefined));
    ok(most <= 16, `${most} at a time`);
    await until("all waits again", () => fake.requests("wait").length === 200);
    ok(fake.calls.length - before < 210, `${fake.calls.length - before} calls for 100 sandboxes`);
  });

  test("is away when the daemon starts makes a sandbox pending, with its tasks to be found", async (t) => {
    const fixture = await prepare(t);
    const { fake } = fixture;
    const sandbox = await fixture.sandbox();
    const { id } = sandbox;
    await fixture.controller.create(sandbox, t.signal);
    const instance = await fixture.controller.start(id, t.signal);
    const endpoint = await fixture.controller.endpoint(id, t.signal);
    await fake.down();
    const next = await fixture.restart();
    equal(next.describe().state, "never reached");
    const adopted = await next.adopt(sandbox, instance, t.signal);
    equal(adopted.state, "pending");
    equal((await next.adopt(sandbox, instance, t.signal)).state, "pending");
    equal(next.describe().state, "never reached");
    match(next.describe().lastError ?? "", /its socket does not exist/);
    equal((await next.endpoint(id, t.signal)).address, endpoint.address);
    const wait = next.wait(id, t.signal);
    await fake.up();
    await until("back", () => next.pending?.(id) === undefined);
    await next.stop(id, grace, t.signal);
    equal((await wait).exitCode, 137);
    await next.shutdown(id, t.signal);
    equal((await fixture.leftovers(sandbox)).length, 0);
  });

  test("hangs does not hold up the start of the daemon, and its sandboxes are pending", async (t) => {
    const fixture = await prepare(t, { budgets: { other: 500, stop: 500 } });
    const { fake } = fixture;
    const sandbox = await fixture.sandbox();
    await fixture.controller.create(sandbox, t.signal);
    const instance = await fixture.controller.start(sandbox.id, t.signal);
    fake.faults = { status: hang, wait: hang, stop: hang };
    const next = await fixture.restart();
    equal((await next.adopt(sandbox, instance, t.signal)).state, "pending");
    await until("known to hang", () => next.describe().lastError === "it does not answer");
    await rejects(next.stop(sandbox.id, grace, t.signal), { code: Code.DeadlineExceeded, message: /in time/ });
    fake.faults = {};
    await until("back", () => next.pending?.(sandbox.id) === undefined);
    await next.stop(sandbox.id, grace, t.signal);
  });

  test("hangs for one sandbox is not lost: only that one is pending", async (t) => {
    const fixture = await prepare(t, { budgets: { other: 500 } });
    const { controller, fake } = fixture;
    const [stuck, fine] = [await fixture.started(t.signal), await fixture.started(t.signal)];
    fake.faults.status = ({ sandboxId }, next) => (sandboxId === stuck.id ? hang() : next());
    equal((await status(fixture, stuck.id, t.signal)).state, "pending");
    equal((await status(fixture, fine.id, t.signal)).state, "ready");
    await delay(150);
    equal(controller.describe().state, "connected");
    equal(controller.pending?.(stuck.id), undefined, "its Wait is held");
    await fake.down();
    await fake.up();
    await until(
      "pending",
      () => controller.describe().state === "connected" && Boolean(controller.pending?.(stuck.id)),
    );
    await until("the other is not", () => controller.pending?.(fine.id) === undefined);
    await delay(150);
    ok(controller.pending?.(stuck.id));
    fake.faults = {};
    await until("told again", () => controller.pending?.(stuck.id) === undefined);
  });

  for (const method of ["create", "start", "stop", "shutdown"] as const) {
    test(`dies in ${method} fails that call, and everything can be removed once it is back`, async (t) => {
      const fixture = await prepare(t);
      const { controller, fake } = fixture;
      const sandbox = await fixture.sandbox();
      let down: Promise<void> | undefined;
      fake.faults[method] = async () => {
        down ??= fake.down();
        return await hang();
      };
      const story = async (): Promise<void> => {
        await controller.create(sandbox, t.signal);
        await controller.start(sandbox.id, t.signal);
        await controller.stop(sandbox.id, grace, t.signal);
        await controller.shutdown(sandbox.id, t.signal);
      };
      await rejects(story(), {
        code: Code.Unavailable,
        message: new RegExp(`sandbox "${sandbox.id}": sandboxer "fake"`),
      });
      fake.faults = {};
      await down;
      await fake.up();
      const isRemoved = async (): Promise<boolean> => {
        await controller.stop(sandbox.id, grace, t.signal);
        await controller.shutdown(sandbox.id, t.signal);
        return true;
      };
      await until("removed", () => isRemoved().catch(() => false));
      equal((await fixture.leftovers(sandbox)).length, 0);
    });
  }

  test("lets Wait return at once while all is well is asked more and more seldom", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    fake.faults.wait = async () => ({});
    const { id } = await fixture.started(t.signal);
    await delay(400);
    const asked = fake.requests("wait").length;
    ok(asked >= 2 && asked <= 5, `${asked} waits in 400 ms`);
    equal((await status(fixture, id, t.signal)).state, "ready");
    equal(controller.pending?.(id), undefined);
    fake.faults = {};
    await fake.end(id, 7);
    equal((await controller.wait(id, t.signal)).exitCode, 7);
  });

  test("forgets a sandbox in Wait alone has not ended it", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    fake.faults.wait = () => Promise.reject(new StatusError(Code.NotFound, "no"));
    const { id } = await fixture.started(t.signal);
    await delay(100);
    equal((await status(fixture, id, t.signal)).state, "ready");
    fake.boxes.delete(id);
    equal((await controller.wait(id, t.signal)).exitCode, 255);
    ok(fixture.log.some(({ message }) => message === "sandbox is unknown to its sandboxer"));
  });

  test("answers garbage of a running sandbox has not ended it", async (t) => {
    const fixture = await prepare(t);
    const { controller, fake } = fixture;
    const { id } = await fixture.started(t.signal);
    fake.faults = { status: async () => ({ state: "SANDBOX_PURPLE" }), wait: hang };
    const pending = await status(fixture, id, t.signal);
    equal(pending.state, "pending");
    match(pending.info["reason"] ?? "", /sandboxer "fake": it answered state "SANDBOX_PURPLE"/);
    fake.faults = {};
    await until("back", async () => (await status(fixture, id, t.signal)).state === "ready");
    await controller.shutdown(id, t.signal);
  });

  test("says of what it has stopped that it runs is not believed", async (t) => {
    const fixture = await prepare(t, { budgets: { stop: 150 } });
    const { fake } = fixture;
    const { id } = await fixture.started(t.signal);
    fake.faults.stop = async () => ({});
    const message = /has stopped it, and says that it still runs/;
    await rejects(fixture.controller.stop(id, grace, t.signal), { code: Code.DeadlineExceeded, message });
    fake.faults = {};
    await fixture.controller.stop(id, grace, t.signal);
  });
});
