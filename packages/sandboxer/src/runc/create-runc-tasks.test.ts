import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";
import { readProcess, umountTree } from "@crib/linux";
import { RuncOptionsSchema } from "@crib/wire/options";
import { ConnectRequestSchema, CreateTaskRequestSchema, Status, WaitRequestSchema } from "@crib/wire/task";

import { createRuncTasks } from "./create-runc-tasks.ts";
import { needsRunc } from "./testing/needs-runc.ts";
import { RuncFixture, zombies } from "./testing/runc-fixture.ts";
import { until } from "./testing/until.ts";

test("a container runs, ends and is deleted, and leaves nothing", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const pid = await runc.create("a", { args: ["sh", "-c", "exit 7"] });
  ok(pid > 0);
  equal((await runc.state("a")).status, Status.CREATED);
  const waiting = [runc.wait("a"), runc.wait("a")];
  const before = Date.now();
  equal(await runc.start("a"), pid);
  deepEqual(await Promise.all(waiting), [7, 7]);
  await rejects(runc.start("a"), { code: Code.FailedPrecondition });
  const state = await runc.state("a");
  deepEqual([state.status, state.exitStatus, state.pid, state.id], [Status.STOPPED, 7, pid, "a"]);
  equal(await runc.wait("a"), 7);
  const end = await runc.delete("a");
  deepEqual([end.pid, end.exitStatus], [pid, 7]);
  ok(end.exitedMs >= before && end.exitedMs <= Date.now());
  deepEqual(await runc.leftovers(), []);
});

test("a process that a signal ended has 128 and the signal", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a", { args: ["sh", "-c", "trap 'exit 9' USR1; while :; do sleep 0.01; done"] });
  equal((await runc.state("a")).status, Status.RUNNING);
  await rejects(runc.delete("a"), { code: Code.FailedPrecondition, message: /cannot delete a running process/ });
  await runc.run("b");
  await runc.kill("b", 9);
  equal(await runc.wait("b"), 137);
  await rejects(runc.kill("b", 9), { code: Code.NotFound });
  await rejects(runc.kill("a", 999), { code: Code.InvalidArgument });
  await runc.kill("a", 10);
  equal(await runc.wait("a"), 9);
  equal((await runc.delete("b")).exitStatus, 137);
  equal((await runc.delete("a")).exitStatus, 9);
  deepEqual(await runc.leftovers(), []);
});

test("an end that nobody waits for is remembered", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const ids = Array.from({ length: 6 }, (_, index) => `c${index}`);
  await Promise.all(ids.map((id, index) => runc.run(id, { args: ["sh", "-c", `exit ${index + 1}`] })));
  deepEqual(await Promise.all(ids.map((id) => runc.wait(id))), [1, 2, 3, 4, 5, 6]);
  for (const id of ids) await runc.delete(id);
  deepEqual(await runc.leftovers(), []);
});

test("a container that was never started is ended by its deletion", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.create("a");
  equal((await runc.delete("a")).exitStatus, 137);
  deepEqual(await runc.leftovers(), []);
});

test("a task that has ended and whose bundle is gone is deleted, and no other", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const removeBundle = (id: string): void => rmSync(join(runc.directory, "bundles", id), { recursive: true });
  for (const id of ["removed", "ended", "runs"]) await runc.run(id);
  for (const id of ["removed", "ended"]) await runc.kill(id, 9);
  await umountTree(join(runc.directory, "bundles/removed"));
  removeBundle("removed");
  await until("the removed one is deleted", () => runc.tasks.size === 2);
  equal((await runc.delete("ended")).exitStatus, 137);
  equal((await runc.state("runs")).status, Status.RUNNING);
  await runc.kill("runs", 9);
  await umountTree(join(runc.directory, "bundles/runs"));
  removeBundle("runs");
  await until("its end is noticed, too", () => runc.tasks.size === 0);
  deepEqual(await runc.leftovers(), []);
});

test("a created container is killed without having been started", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.create("a");
  await runc.kill("a", 9);
  equal(await runc.wait("a"), 137);
  await rejects(runc.start("a"), { code: Code.FailedPrecondition });
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});

test(
  "what is not known is NotFound, what is known AlreadyExists, and what cannot be an id is refused",
  needsRunc,
  async (t) => {
    const runc = RuncFixture.open(t);
    const unknown = { code: Code.NotFound };
    await rejects(runc.start("a"), unknown);
    await rejects(runc.wait("a"), unknown);
    await rejects(runc.kill("a", 9), unknown);
    await rejects(runc.delete("a"), unknown);
    await rejects(runc.state("a"), unknown);
    await rejects(runc.exec("a", "e", ["true"]), unknown);
    await rejects(runc.closeStdin("a"), unknown);
    const connected = await runc.tasks.connect(create(ConnectRequestSchema, { id: "a" }), runc.call);
    deepEqual([connected.shimPid, connected.taskPid], [process.pid, 0]);
    await runc.create("a");
    const again = runc.tasks.create(create(CreateTaskRequestSchema, { id: "a", bundle: "/nowhere" }), runc.call);
    await rejects(again, { code: Code.AlreadyExists });
    await rejects(runc.wait("a", "e"), unknown);
    for (const id of ["", "../a", "-x", ".", "a/b", "a\n", "x".repeat(129)]) {
      const request = create(CreateTaskRequestSchema, { id, bundle: "/nowhere" });
      await rejects(runc.tasks.create(request, runc.call), { code: Code.InvalidArgument });
    }
    await runc.delete("a");
  },
);

test("a program that is not there is told as containerd's shim tells it, and nothing stays", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await rejects(runc.create("a", { args: ["missing"] }), {
    code: Code.Unknown,
    message: /^OCI runtime create failed: .*executable file not found/,
  });
  await rejects(runc.create("b", { request: { stdout: "/nowhere" } }), { code: Code.NotFound });
  const bundle = runc.bundle("c");
  writeFileSync(join(bundle.path, "config.json"), "{");
  const request = create(CreateTaskRequestSchema, { id: "c", bundle: bundle.path });
  await rejects(runc.tasks.create(request, runc.call), { code: Code.InvalidArgument, message: /config.json/ });
  deepEqual(await runc.leftovers(), []);
  // The id is free again.
  await runc.run("a", { args: ["true"] });
  equal(await runc.wait("a"), 0);
  await runc.delete("a");
});

test("a wait that is given up ends alone", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  const giveUp = new AbortController();
  const message = create(WaitRequestSchema, { id: "a" });
  const given = runc.tasks.wait(message, { signal: giveUp.signal });
  const other = runc.wait("a");
  giveUp.abort();
  await rejects(given, { code: Code.Canceled });
  await runc.kill("a", 9);
  equal(await other, 137);
  await runc.delete("a");
});

test("the runtime's options of a request win over the service's", needsRunc, async (t) => {
  const runc = RuncFixture.open(t, { binary: "no-such-runtime" });
  await rejects(runc.create("a"), { code: Code.NotFound, message: /no-such-runtime/ });
  const value = toBinary(RuncOptionsSchema, create(RuncOptionsSchema, { binaryName: "runc", noNewKeyring: true }));
  const typeUrl = `types.googleapis.com/${RuncOptionsSchema.typeName}`;
  await runc.create("a", { args: ["true"], request: { options: create(AnySchema, { typeUrl, value }) } });
  await runc.start("a");
  equal(await runc.wait("a"), 0);
  await runc.delete("a");
  const other = create(AnySchema, { typeUrl: "runtimeoptions.v1.Options", value });
  await rejects(runc.create("b", { request: { options: other } }), { code: Code.InvalidArgument });
  deepEqual(await runc.leftovers(), []);
});

test(
  "processes of a container that shares a pid namespace end with its first one, and none stays a zombie",
  needsRunc,
  async (t) => {
    const events: string[] = [];
    const runc = RuncFixture.open(t, { onEvent: ({ kind, id }) => events.push(`${kind} ${id}`) });
    const namespaces = ["ipc", "uts", "mount", "network"].map((type) => ({ type }));
    await runc.create("a", { args: ["sh", "-c", "sleep 1000 & sleep 1000 & exit 3"], linux: { namespaces } });
    await runc.start("a");
    equal(await runc.wait("a"), 3);
    equal((await runc.delete("a")).exitStatus, 3);
    deepEqual(await runc.leftovers(), []);
    await until("its end is told of", () => events.length > 0);
    deepEqual(events, ["exit a"]);
  },
);

test("fifty containers at once", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const ids = Array.from({ length: 50 }, (_, index) => `c${index}`);
  const pids = await Promise.all(ids.map((id) => runc.run(id)));
  equal(new Set(pids).size, 50);
  equal(runc.tasks.size, 50);
  const ends = ids.map((id) => runc.wait(id));
  await Promise.all(ids.map((id) => runc.kill(id, 9)));
  deepEqual(new Set(await Promise.all(ends)), new Set([137]));
  await Promise.all(ids.map((id) => runc.delete(id)));
  equal(runc.tasks.size, 0);
  deepEqual(zombies(), []);
  deepEqual(await runc.leftovers(), []);
});

test("a disposed service leaves its containers running, or ends them", needsRunc, async (t) => {
  for (const onDispose of ["leave", "end"] as const) {
    const runc = RuncFixture.open(t, { onDispose });
    const pid = await runc.run("a");
    const waiting = runc.wait("a");
    const ended = rejects(waiting, { code: Code.Unavailable });
    await runc.tasks[Symbol.asyncDispose]();
    await ended;
    await rejects(runc.create("b"), { code: Code.Unavailable });
    const { state = "gone" } = readProcess(pid) ?? {};
    if (onDispose === "leave") match(state, /[SR]/);
    else match(state, /gone|Z/);
  }
});

test("directories that cannot be are refused", () => {
  const code = Code.InvalidArgument;
  throws(() => createRuncTasks({ root: "runc", stateDir: "/tmp/x" }), { code });
  throws(() => createRuncTasks({ root: "/runc", stateDir: `/tmp/${"x".repeat(80)}` }), { code });
});
