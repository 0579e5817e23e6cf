import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";
import { openFifoWriter } from "@crib/linux";
import { ExecProcessRequestSchema, Status } from "@crib/wire/task";

import { needsRunc } from "../testing/needs-runc.ts";
import { RuncFixture, zombies } from "../testing/runc-fixture.ts";
import { until } from "../testing/until.ts";

test("an exec has streams and an end of its own", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  const [stdin, stdout] = [runc.fifo("in"), runc.fifo("out")];
  const output = text(runc.read(stdout));
  await runc.exec("a", "e", ["sh", "-c", "cat; exit 3"], { stdin, stdout });
  await rejects(runc.exec("a", "e", ["true"]), { code: Code.AlreadyExists });
  await rejects(runc.kill("a", 9, { execId: "e" }), { code: Code.FailedPrecondition });
  equal((await runc.state("a", "e")).status, Status.CREATED);
  const waiting = runc.wait("a", "e");
  const pid = await runc.start("a", "e");
  await rejects(runc.start("a", "e"), { code: Code.FailedPrecondition });
  await rejects(runc.delete("a", "e"), { code: Code.FailedPrecondition });
  const state = await runc.state("a", "e");
  deepEqual([state.status, state.pid, state.execId, state.stdout], [Status.RUNNING, pid, "e", stdout]);
  const writer = await openFifoWriter(stdin);
  writer.end("hello");
  await runc.closeStdin("a", "e");
  equal(await waiting, 3);
  equal(await output, "hello");
  deepEqual({ ...(await runc.delete("a", "e")), exitedMs: 0 }, { pid, exitStatus: 3, exitedMs: 0 });
  await rejects(runc.state("a", "e"), { code: Code.NotFound });
  equal((await runc.state("a")).status, Status.RUNNING);
});

test("execs that end at once lose neither their status nor their output", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  const one = async (index: number): Promise<readonly [number, string]> => {
    const execId = `e${index}`;
    const stdout = runc.fifo(execId);
    const output = text(runc.read(stdout));
    await runc.exec("a", execId, ["sh", "-c", `echo ${index}; exit ${index}`], { stdout });
    await runc.start("a", execId);
    const status = await runc.wait("a", execId);
    await runc.delete("a", execId);
    return [status, await output];
  };
  const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
  deepEqual(
    await Promise.all(numbers.map(one)),
    numbers.map((number) => [number, `${number}\n`]),
  );
  deepEqual(zombies(), []);
});

test("an exec that cannot be started says why and is over", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  await runc.exec("a", "e", ["missing"]);
  await rejects(runc.start("a", "e"), { message: /^OCI runtime exec failed: .*executable file not found/ });
  equal(await runc.wait("a", "e"), 255);
  await runc.delete("a", "e");
  await runc.exec("a", "never", ["true"]);
  await runc.delete("a", "never");
  const spec = create(AnySchema, { value: Buffer.from("[]") });
  const request = create(ExecProcessRequestSchema, { id: "a", execId: "f", spec });
  await rejects(runc.tasks.exec(request, runc.call), { code: Code.InvalidArgument });
  await rejects(runc.exec("a", "../f", ["true"]), { code: Code.InvalidArgument });
});

test("execs end before their container, and none runs in one that has ended", needsRunc, async (t) => {
  const ends: string[] = [];
  const onEvent = (event: { kind: string; execId?: string }): void => void ends.push(`${event.kind} ${event.execId}`);
  const runc = RuncFixture.open(t, { onEvent });
  await runc.run("a");
  await runc.exec("a", "e", ["sleep", "1000"]);
  await runc.exec("a", "late", ["true"]);
  await runc.start("a", "e");
  await runc.kill("a", 9);
  equal(await runc.wait("a"), 137);
  equal(await runc.wait("a", "e"), 137);
  await until("both are told of", () => ends.length === 2);
  deepEqual(ends, ["exit e", "exit "]);
  await rejects(runc.start("a", "late"), { code: Code.FailedPrecondition });
  await rejects(runc.exec("a", "later", ["true"]), { code: Code.FailedPrecondition });
  await runc.delete("a");
  match(String(await runc.leftovers()), /^$/);
});

test("killing all reaches execs and what they have started, too", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const namespaces = ["ipc", "uts", "mount", "network"].map((type) => ({ type }));
  await runc.run("a", { args: ["sh", "-c", "trap : TERM; while :; do sleep 0.01; done"], linux: { namespaces } });
  await runc.exec("a", "e", ["sleep", "1000"]);
  await runc.start("a", "e");
  await runc.kill("a", 15, { all: true });
  equal(await runc.wait("a", "e"), 143);
  equal((await runc.state("a")).status, Status.RUNNING);
  await runc.kill("a", 9, { all: true });
  equal(await runc.wait("a"), 137);
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});
