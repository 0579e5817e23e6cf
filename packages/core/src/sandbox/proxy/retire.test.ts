import { equal, match, rejects } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { hang } from "./testing/fake-sandboxer.ts";
import { ProxyFixture } from "./testing/proxy-fixture.ts";

/** Calls in flight to a sandboxer that hangs, by name: why each has failed once that is known. */
async function callsInFlight(
  t: TestContext,
): Promise<{ readonly fixture: ProxyFixture; readonly failures: Promise<Readonly<Record<string, StatusError>>> }> {
  const fixture = await ProxyFixture.make();
  t.after(() => fixture[Symbol.asyncDispose]());
  const { controller, fake } = fixture;
  const [created, runs] = [await fixture.sandbox(), await fixture.started(t.signal)];
  await controller.create(created, t.signal);
  const arrived = Promise.withResolvers<void>();
  let awaited = 0;
  const hold = (): Promise<never> => {
    awaited += 1;
    if (awaited === 4) arrived.resolve();
    return hang();
  };
  fake.faults = { start: hold, stop: hold, metrics: hold, update: hold };
  const calls: Readonly<Record<string, Promise<unknown>>> = {
    starting: controller.start(created.id, t.signal),
    stopping: controller.stop(runs.id, { graceMs: 60_000 }, t.signal),
    measuring: controller.metrics(runs.id, t.signal),
    updating: controller.update(runs.id, { resources: { cpuShares: 2 } }, t.signal),
  };
  const failures = Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      const failed = call.then(() => new Error("it has succeeded"));
      return [name, StatusError.from(await failed.catch((reason: unknown) => reason))] as const;
    }),
  );
  await arrived.promise;
  return { fixture, failures: failures.then((entries) => Object.fromEntries(entries)) };
}

test("calls in flight to a sandboxer that is not configured any more say so, as those after them do", async (t) => {
  const { fixture, failures } = await callsInFlight(t);
  const { controller } = fixture;
  controller.retire();
  for (const [doing, { code, message }] of Object.entries(await failures)) {
    equal(code, Code.Unavailable, message);
    match(message, new RegExp(`^${doing} sandbox ".*": sandboxer "fake" is not configured any more$`));
  }
  const message = /: sandboxer "fake" is not configured any more$/;
  await rejects(controller.create(await fixture.sandbox(), t.signal), { code: Code.Unavailable, message });
  equal(fixture.log.length, 0, "it is not taken for lost");
});

test("the end of the daemon is told as that", async (t) => {
  const { fixture, failures } = await callsInFlight(t);
  await fixture.controller[Symbol.asyncDispose]();
  for (const [doing, { code, message }] of Object.entries(await failures)) {
    equal(code, Code.Canceled, message);
    match(message, new RegExp(`^${doing} sandbox ".*": the daemon ends$`));
  }
});
