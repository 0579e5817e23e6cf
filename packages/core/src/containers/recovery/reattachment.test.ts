import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { ContainerFixture } from "../testing/container-fixture.ts";
import { until } from "../testing/until.ts";

const { signal } = new AbortController();

const gone = { reason: "its controller is gone", since: new Date().toISOString() };

test("containers of a pod whose controller goes stay as they are, and have their exact state when it is back", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const [kept, ending] = [await fixture.run(), await fixture.run({ name: "b" })];
  const { containers, services, sandbox } = fixture;
  fixture.unreachable = gone;
  containers.leave(sandbox.id);
  services.exit(ending, 7);
  await delay(20);
  equal(containers.get(ending).state, "running", "nobody is asked, and nobody tells");
  fixture.unreachable = undefined;
  await containers.takeUp(sandbox.id);
  await until(() => containers.get(ending).state === "exited");
  equal(containers.get(ending).facts.exit?.exitCode, 7);
  equal(containers.get(kept).state, "running");
  services.exit(kept, 3);
  await until(() => containers.get(kept).state === "exited");
  equal(containers.get(kept).facts.exit?.exitCode, 3);
  deepEqual(fixture.removed, []);
});

test("containers of other pods are not taken up with those of one", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await fixture.run();
  fixture.containers.leave(fixture.sandbox.id);
  await fixture.containers.takeUp("f".repeat(64));
  fixture.services.exit(id, 7);
  await delay(20);
  equal(fixture.containers.get(id).state, "running");
  await fixture.containers.takeUp(fixture.sandbox.id);
  await until(() => fixture.containers.get(id).state === "exited");
});

test("a controller that goes in the turn in which a start is answered leaves what runs, and it is watched when that is back", async (t) => {
  const fixture = await ContainerFixture.open(t);
  onceAnswered(fixture, "start", () => leave(fixture));
  const id = await fixture.run();
  equal(fixture.containers.get(id).state, "running");
  await takeUp(fixture);
  fixture.services.exit(id, 7);
  await until(() => fixture.containers.get(id).state === "exited");
  equal(fixture.containers.get(id).facts.exit?.exitCode, 7);
});

test("a controller that goes in the turn in which a start finds the pod's tasks fails it, saying so", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { containers, services } = fixture;
  const id = await containers.create(fixture.request(), signal);
  await until(() => fixture.waiting.has(id));
  // The flow finds the service once for all its steps, and the last of them asks for it again.
  onceAnswered(fixture, "find", () => onceAnswered(fixture, "find", () => leave(fixture)));
  await rejects(containers.start(id, signal), { code: Code.FailedPrecondition, message: /its controller is gone/ });
  equal(containers.get(id).facts.exit?.reason, "StartError");
  equal(services.calls.includes(`start ${id}`), false);
});

test("a controller that goes in the turn in which a task is made ahead leaves it, and it is watched when that is back", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { containers, services } = fixture;
  const ending = await makeAhead(fixture, "ending");
  onceAnswered(fixture, "create", () => leave(fixture));
  const kept = await makeAhead(fixture, "kept");
  await delay(20);
  ok(services.tasks.has(kept), "it has not ended because nobody can tell of it");
  await takeUp(fixture);
  services.exit(ending, 7);
  await until(() => !services.tasks.has(ending));
  equal(containers.get(ending).state, "created");
  await containers.start(kept, signal);
  equal(services.calls.filter((call) => call === `create ${kept}`).length, 1);
  services.exit(kept, 3);
  await until(() => containers.get(kept).state === "exited");
  equal(containers.get(kept).facts.exit?.exitCode, 3);
});

/** Creates a container, and waits until its task is there. */
async function makeAhead(fixture: ContainerFixture, name: string): Promise<string> {
  const id = await fixture.containers.create(fixture.request({ name }), signal);
  await until(() => fixture.waiting.has(id));
  return id;
}

/** Does it in the turn of the next answer to such a call. */
function onceAnswered({ services }: ContainerFixture, call: string, work: () => void): void {
  services.onAnswer = (answered) => {
    if (answered.split(" ")[0] !== call) return;
    services.onAnswer = () => {};
    work();
  };
}

/** The pod's controller goes, as a reload has it. */
function leave(fixture: ContainerFixture): void {
  fixture.unreachable = gone;
  fixture.containers.leave(fixture.sandbox.id);
  fixture.services.isGone = true;
}

/** The pod's controller is back. */
async function takeUp(fixture: ContainerFixture): Promise<void> {
  fixture.services.isGone = false;
  fixture.unreachable = undefined;
  await fixture.containers.takeUp(fixture.sandbox.id);
}
