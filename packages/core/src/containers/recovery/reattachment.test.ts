import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { ContainerFixture } from "../testing/container-fixture.ts";

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

async function until(condition: () => boolean): Promise<void> {
  for (let rounds = 0; rounds < 200 && !condition(); rounds++) await delay(10);
  ok(condition());
}
