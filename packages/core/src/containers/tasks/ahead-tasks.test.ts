import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as begun } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { containerStateOf } from "../container-state.ts";
import { ContainerFixture } from "../testing/container-fixture.ts";
import { until } from "../testing/until.ts";

const { signal } = new AbortController();

/** Creates a container and waits until its task is there. */
async function createAhead(fixture: ContainerFixture, name = "app"): Promise<string> {
  const id = await fixture.containers.create(fixture.request({ name }), signal);
  await until(() => fixture.waiting.has(id));
  return id;
}

const callsOf = ({ services }: ContainerFixture, name: string): number =>
  services.calls.filter((call) => call.startsWith(`${name} `)).length;

test("a task is made ahead, shows nowhere, and the start only starts it", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await createAhead(fixture);
  const record = fixture.containers.get(id);
  equal(containerStateOf(record), "created");
  equal(record.facts.process, undefined);
  deepEqual(fixture.services.calls, [`create ${id}`]);
  await fixture.containers.start(id, signal);
  deepEqual(fixture.services.calls, [`create ${id}`, `start ${id}`]);
  equal(fixture.containers.get(id).facts.process?.pid, process.pid);
});

test("a start joins the task that is being made, and reports why it cannot be", async (t) => {
  const fixture = await ContainerFixture.open(t, { budgets: { "task.create": 200 } });
  fixture.services.troubles.set("create", "hang");
  const id = await fixture.containers.create(fixture.request(), signal);
  await begun();
  equal(fixture.containers.get(id).facts.ahead, true);
  const starts = await Promise.allSettled([1, 2].map(() => fixture.containers.start(id, signal)));
  deepEqual(
    starts.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  equal(callsOf(fixture, "create"), 1);
  const { exit } = fixture.containers.get(id).facts;
  deepEqual([exit?.exitCode, exit?.reason], [128, "StartError"]);
  match(exit?.message ?? "", /task\.create/);
  deepEqual([fixture.mounts.size, fixture.services.tasks.size, fixture.stdio.streams.size], [0, 0, 0]);
});

test("a start that comes after a failure makes the task itself", async (t) => {
  const fixture = await ContainerFixture.open(t);
  fixture.services.troubles.set("create", "fail");
  const id = await fixture.containers.create(fixture.request(), signal);
  await until(() => fixture.containers.get(id).runs.at(-1)?.flow === "undo CreateTask");
  fixture.services.troubles.clear();
  await fixture.containers.start(id, signal);
  equal(containerStateOf(fixture.containers.get(id)), "running");
});

test("a caller that leaves while the task is made leaves a container that starts", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await fixture.containers.create(fixture.request(), signal);
  await begun();
  const leaving = new AbortController();
  const starting = fixture.containers.start(id, leaving.signal);
  leaving.abort();
  await rejects(starting);
  await until(() => containerStateOf(fixture.containers.get(id)) === "running");
});

test("removal, the end of the pod and new limits take the task back", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { containers, services, stdio } = fixture;
  await containers.remove(await createAhead(fixture, "removed"), signal);
  // While it is being made.
  const early = await containers.create(fixture.request({ name: "early" }), signal);
  await begun();
  equal(containers.get(early).facts.ahead, true);
  await containers.remove(early, signal);
  deepEqual([services.tasks.size, stdio.streams.size, fixture.waiting.size], [0, 0, 0]);
  const id = await createAhead(fixture);
  await containers.update(id, { cpuShares: 300, hugepageLimits: [], unified: {} }, signal);
  // The old one has gone, and one with the new limits is made.
  await until(() => fixture.waiting.has(id));
  match((await containers.spec(id)) ?? "", /"shares":300/);
  deepEqual(services.calls.slice(-2), [`delete ${id}`, `create ${id}`]);
  fixture.isSandboxReady = false;
  await containers.stopAll(fixture.sandbox.id, signal);
  equal(containerStateOf(containers.get(id)), "created");
  deepEqual([services.tasks.size, stdio.streams.size, fixture.waiting.size], [0, 0, 0]);
  await rejects(containers.start(id, signal), { code: Code.FailedPrecondition });
});

test("the runtime is let finish what is to be taken back", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { containers, services } = fixture;
  services.troubles.set("create", "slow");
  const [removed, stopped] = [
    await containers.create(fixture.request({ name: "removed" }), signal),
    await containers.create(fixture.request({ name: "stopped" }), signal),
  ];
  await begun();
  const removal = containers.remove(removed, signal);
  await containers.stopAll(fixture.sandbox.id, signal);
  await removal;
  deepEqual(services.calls.toSorted(), [removed, stopped].flatMap((id) => [`create ${id}`, `delete ${id}`]).toSorted());
  // Both by the shim, since no call was given up.
  deepEqual([fixture.removed, services.tasks.size], [[], 0]);
});

test("a task that ends while it waits, or dies with its shim, is no run of the container", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const ended = await createAhead(fixture, "ended");
  fixture.services.exit(ended, 137);
  await until(() => !fixture.services.tasks.has(ended));
  equal(containerStateOf(fixture.containers.get(ended)), "created");
  await fixture.containers.start(ended, signal);
  equal(containerStateOf(fixture.containers.get(ended)), "running");
  const lost = await createAhead(fixture, "lost");
  fixture.services.die();
  await until(() => fixture.removed.includes(lost));
  equal(containerStateOf(fixture.containers.get(lost)), "created");
});

test("a task that nobody starts is taken back, and only so many wait", async (t) => {
  const fixture = await ContainerFixture.open(t, { aheadMs: 20 });
  const id = await fixture.containers.create(fixture.request(), signal);
  await until(() => callsOf(fixture, "delete") === 1 && !fixture.waiting.has(id) && fixture.services.tasks.size === 0);
  await fixture.containers.start(id, signal);
  equal(callsOf(fixture, "create"), 2);
  fixture.services.troubles.set("create", "hang");
  for (let number = 0; number < 20; number++) {
    await fixture.containers.create(fixture.request({ name: `many-${number}` }), signal);
  }
  await until(() => callsOf(fixture, "create") >= 2 + 16);
  await begun();
  equal(callsOf(fixture, "create"), 2 + 16);
  // Or the test would wait until they are given up.
  fixture.services.troubles.clear();
  fixture.services.die();
});

test("the next daemon takes back what waits, and a start that is quicker does so itself", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const first = await createAhead(fixture, "first");
  const second = await createAhead(fixture, "second");
  await fixture.close();
  fixture.stdio.streams.clear();
  await fixture.start();
  await fixture.containers.reattach();
  await fixture.containers.start(first, signal);
  fixture.containers.finishLeftovers();
  await until(() => !fixture.services.tasks.has(second));
  deepEqual(
    [first, second].map((id) => containerStateOf(fixture.containers.get(id))),
    ["running", "created"],
  );
  deepEqual(
    fixture.services.calls.filter((call) => call.endsWith(first)),
    [`create ${first}`, `delete ${first}`, `create ${first}`, `start ${first}`],
  );
});

test("a task that cannot be taken back keeps its container until it can", async (t) => {
  const fixture = await ContainerFixture.open(t, { faults: "CreateTask/task.create!undo@before=fail*1" });
  const id = await createAhead(fixture);
  await rejects(fixture.containers.remove(id, signal), { message: /injected fault/ });
  equal(fixture.containers.get(id).problem?.flow, "undo CreateTask");
  await until(() => fixture.containers.get(id).problem === undefined);
  await fixture.containers.remove(id, signal);
  equal(fixture.services.tasks.size, 0);
});
