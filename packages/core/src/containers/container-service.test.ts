import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { access, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { containerStateOf } from "./container-state.ts";
import { ContainerFixture } from "./testing/container-fixture.ts";
import { until } from "./testing/until.ts";

const { signal } = new AbortController();

const stateOf = (fixture: ContainerFixture, id: string): string => containerStateOf(fixture.containers.get(id));

test("a container goes through its life, and every event is told", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await fixture.run();
  const { facts } = fixture.containers.get(id);
  equal(stateOf(fixture, id), "running");
  equal(facts.stopSignal, "SIGTERM");
  equal(facts.process?.pid, process.pid);
  ok(fixture.mounts.has(join(fixture.dir, "tasks", id, "rootfs")));
  fixture.services.exit(id, 7);
  await until(() => stateOf(fixture, id) === "exited");
  deepEqual([fixture.mounts.size, fixture.services.tasks.size, fixture.stdio.streams.size], [0, 0, 0]);
  const { exit } = fixture.containers.get(id).facts;
  deepEqual([exit?.exitCode, exit?.reason], [7, "Error"]);
  match(exit?.exitedAt ?? "", /\.\d{9}Z$/);
  await fixture.containers.remove(id, signal);
  await fixture.containers.remove(id, signal);
  await until(() => fixture.events.length === 4);
  deepEqual(fixture.events, ["created", "started", "stopped", "deleted"]);
  deepEqual([...fixture.snapshots], []);
  deepEqual(await readdir(join(fixture.dir, "tasks")), []);
  // The copy of the record goes in the background.
  await until(() => readdirSync(join(fixture.dir, "containers")).length === 0);
});

test("equal requests join, others of the same name are refused", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { containers } = fixture;
  const [first, second] = await Promise.all([1, 2].map(() => containers.create(fixture.request(), signal)));
  equal(first, second);
  equal(await containers.create(fixture.request(), signal), first);
  await rejects(containers.create(fixture.request({ config: Buffer.from("other") }), signal), {
    code: Code.AlreadyExists,
  });
  await rejects(containers.create(fixture.request({ name: "b", image: "none" }), signal), { code: Code.NotFound });
  equal(containers.list().length, 1);
  deepEqual([...fixture.snapshots], [first]);
});

test("nothing is created in a pod that is not ready, nor in one that stops meanwhile", async (t) => {
  const fixture = await ContainerFixture.open(t, {
    hooks: {
      createContainer: async (_sandbox, _container, spec) => {
        fixture.isSandboxReady = false;
        return { spec, updates: [] };
      },
    },
  });
  await rejects(fixture.containers.create(fixture.request(), signal), { code: Code.FailedPrecondition });
  await rejects(fixture.containers.create(fixture.request(), signal), { code: Code.FailedPrecondition });
  deepEqual([fixture.containers.list().length, fixture.snapshots.size, fixture.mounts.size], [0, 0, 0]);
});

test("a plugin that refuses has all taken back and is told so, and the name is free", async (t) => {
  const told: string[] = [];
  const fixture = await ContainerFixture.open(t, {
    hooks: {
      createContainer: async (_sandbox, _container, spec) => {
        told.push("create");
        if (told.length === 1) throw new StatusError(Code.PermissionDenied, "no");
        return { spec, updates: [] };
      },
      stopContainer: async (_sandbox, { id }) => {
        // What there is of it is still known.
        await fixture.containers.spec(id);
        told.push("stop");
        return [];
      },
      removeContainer: async () => void told.push("remove"),
    },
  });
  await rejects(fixture.containers.create(fixture.request(), signal), { code: Code.PermissionDenied });
  deepEqual(told, ["create", "stop", "remove"]);
  const id = await fixture.containers.create(fixture.request(), signal);
  await fixture.containers.remove(id, signal);
  deepEqual(told.slice(3), ["create", "stop", "remove"]);
});

test("a start that fails gives everything back and says why", async (t) => {
  for (const call of ["create", "start"]) {
    const fixture = await ContainerFixture.open(t);
    fixture.services.troubles.set(call, "fail");
    const id = await fixture.containers.create(fixture.request(), signal);
    await rejects(fixture.containers.start(id, signal), { code: Code.Internal });
    const { exit } = fixture.containers.get(id).facts;
    deepEqual([exit?.exitCode, exit?.reason], [128, "StartError"]);
    match(exit?.message ?? "", new RegExp(`${call}: it fails`));
    deepEqual([fixture.mounts.size, fixture.services.tasks.size, fixture.stdio.streams.size], [0, 0, 0]);
    await rejects(fixture.containers.start(id, signal), { code: Code.FailedPrecondition });
  }
});

test("a stop asks once, then kills when the shortest of the times is over", async (t) => {
  const fixture = await ContainerFixture.open(t);
  fixture.services.onTerm = (): void => {};
  const id = await fixture.run();
  const long = fixture.containers.stop(id, 3_600_000, signal);
  await until(() => fixture.services.calls.includes(`kill 15 ${id}`));
  equal(stateOf(fixture, id), "running");
  await fixture.containers.stop(id, 0, signal);
  await long;
  equal(fixture.containers.get(id).facts.exit?.exitCode, 137);
  deepEqual(
    fixture.services.calls.filter((call) => call.startsWith("kill")),
    [`kill 15 ${id}`, `kill 9 ${id}`],
  );
});

test("a shim that hangs does not hold up a stop", async (t) => {
  const fixture = await ContainerFixture.open(t, { stopTimes: { killMs: 100, toldMs: 100 } });
  const id = await fixture.run();
  fixture.services.troubles.set("kill", "hang");
  await fixture.containers.stop(id, 0, signal);
  const { exit } = fixture.containers.get(id).facts;
  deepEqual([exit?.exitCode, exit?.reason], [137, "Error"]);
});

test("a container of a pod without controller is killed at once, since nobody would tell of its end", async (t) => {
  const fixture = await ContainerFixture.open(t, { stopTimes: { killMs: 100, toldMs: 100 } });
  const id = await fixture.run();
  fixture.unreachable = { reason: "its controller is gone", since: new Date().toISOString() };
  const asked = fixture.services.calls.length;
  const before = performance.now();
  await fixture.containers.stop(id, 600_000, signal);
  ok(performance.now() - before < 60_000);
  equal(fixture.containers.get(id).facts.exit?.exitCode, 137);
  deepEqual(
    fixture.services.calls.slice(asked).filter((call) => call.startsWith("kill")),
    [],
  );
});

test("in a pod without controller nothing is made or started, and what is there waits for it", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await fixture.containers.create(fixture.request(), signal);
  fixture.unreachable = { reason: "its controller is gone", since: new Date().toISOString() };
  const refused = { code: Code.FailedPrecondition, message: /its controller is gone/ };
  await rejects(fixture.containers.start(id, signal), refused);
  await rejects(fixture.containers.create(fixture.request({ name: "b" }), signal), refused);
  equal(stateOf(fixture, id), "created");
  fixture.unreachable = undefined;
  await fixture.containers.start(id, signal);
  equal(stateOf(fixture, id), "running");
});

test("a task that an earlier daemon could not delete is no obstacle to the start", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const { services } = fixture;
  const id = await fixture.containers.create(fixture.request(), signal);
  await until(() => services.tasks.has(id));
  services.isGone = true;
  fixture.unreachable = { reason: "its controller is gone", since: new Date().toISOString() };
  await fixture.restart();
  const isTakenBack = (): boolean => fixture.containers.get(id).runs.some(({ flow }) => flow === "undo CreateTask");
  await until(isTakenBack);
  services.isGone = false;
  fixture.unreachable = undefined;
  const before = services.calls.length;
  await fixture.containers.start(id, signal);
  equal(stateOf(fixture, id), "running");
  deepEqual(services.calls.slice(before), [`create ${id}`, `delete ${id}`, `create ${id}`, `start ${id}`]);
});

test("the death of a shim ends its containers, without asking another shim", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const ids = [await fixture.run(), await fixture.run({ name: "b" })];
  fixture.services.die();
  await until(() => ids.every((id) => stateOf(fixture, id) === "exited"));
  // The process of the fake is this one, which is alive: such an end is a kill.
  deepEqual(
    ids.map((id) => fixture.containers.get(id).facts.exit?.exitCode),
    [137, 137],
  );
  deepEqual(fixture.removed.toSorted(), ids.toSorted());
});

test("stopping a pod ends what runs, undoes what is being created and refuses the rest", async (t) => {
  const fixture = await ContainerFixture.open(t, {
    hooks: {
      createContainer: async (_sandbox, { plan }, spec, signal) => {
        if (plan.name === "slow") await delay(60_000, undefined, { signal });
        return { spec, updates: [] };
      },
    },
  });
  const creating = fixture.containers.create(fixture.request({ name: "slow" }), signal);
  creating.catch(() => {}); // seen below
  const running = await fixture.run({ name: "runs" });
  fixture.isSandboxReady = false;
  await fixture.containers.stopAll(fixture.sandbox.id, signal);
  await rejects(creating, { code: Code.Canceled });
  equal(stateOf(fixture, running), "exited");
  await fixture.containers.removeAll(fixture.sandbox.id, signal);
  deepEqual([fixture.containers.list().length, fixture.snapshots.size], [0, 0]);
});

test("limits change for what runs and what is created, and a failure keeps the old ones", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const id = await fixture.run();
  const change = { cpuShares: 300, hugepageLimits: [], unified: {} };
  await fixture.containers.update(id, change, signal);
  equal(fixture.containers.get(id).facts.resources?.cpuShares, 300);
  match((await fixture.containers.spec(id)) ?? "", /"shares":300/);
  fixture.services.troubles.set("update", "fail");
  await rejects(fixture.containers.update(id, { ...change, cpuShares: 500 }, signal), { code: Code.Internal });
  equal(fixture.containers.get(id).facts.resources?.cpuShares, 300);
  equal(fixture.containers.get(id).facts.updating, undefined);
});

test("a restart takes up what runs, and learns how what ended meanwhile did", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const runs = await fixture.run({ name: "runs" });
  const ended = await fixture.run({ name: "ended" });
  await fixture.close();
  fixture.stdio.streams.clear();
  const exitedAt = new Date(Date.now() - 60_000);
  fixture.services.exit(ended, 42, exitedAt);
  await fixture.start();
  await fixture.containers.reattach();
  fixture.containers.finishLeftovers();
  equal(stateOf(fixture, runs), "running");
  ok(fixture.stdio.streams.has(runs));
  await until(() => stateOf(fixture, ended) === "exited");
  const { exit } = fixture.containers.get(ended).facts;
  deepEqual([exit?.exitCode, Date.parse(exit?.exitedAt ?? "")], [42, exitedAt.getTime()]);
  fixture.services.exit(runs, 0);
  await until(() => stateOf(fixture, runs) === "exited");
  equal(fixture.containers.get(runs).facts.exit?.reason, "Completed");
});

test("after another boot everything has ended, and what was being created is gone", async (t) => {
  const fixture = await ContainerFixture.open(t);
  const ran = await fixture.run({ name: "ran" });
  const waited = await fixture.containers.create(fixture.request({ name: "waited" }), signal);
  fixture.services.die();
  await fixture.close();
  await fixture.restart({ bootId: "next" });
  await until(() => [ran, waited].every((id) => stateOf(fixture, id) === "exited"));
  deepEqual(
    [ran, waited].map((id) => fixture.containers.get(id).facts.exit?.reason),
    ["Unknown", "Unknown"],
  );
});

test("an undo that fails keeps the row, says why, and is tried again", async (t) => {
  const fixture = await ContainerFixture.open(t, {
    faults: "CreateContainer/spec.write@inside=fail*1;CreateContainer/rootfs.mount!undo@before=fail*1",
  });
  await rejects(fixture.containers.create(fixture.request(), signal));
  const [record] = fixture.containers.list();
  equal(record?.problem?.step, "rootfs.mount");
  await until(() => fixture.containers.list().length === 0);
  await rejects(access(join(fixture.dir, "tasks", record.id)));
  deepEqual([fixture.mounts.size, fixture.snapshots.size], [0, 0]);
});

test("an end that fails again and again counts its tries, and waits longer before each", async (t) => {
  const fixture = await ContainerFixture.open(t, { faults: "EndContainer/rootfs.unmount@before=fail*3" });
  const id = await fixture.containers.create(fixture.request(), signal);
  await fixture.containers.start(id, signal);
  await fixture.containers.stop(id, 0, signal).catch(() => {});
  let tries = 0;
  await until(() => {
    const { problem, state } = fixture.containers.get(id);
    tries = Math.max(tries, problem?.attempts ?? 0);
    return state === "exited" && problem === undefined;
  });
  equal(tries, 3);
});
