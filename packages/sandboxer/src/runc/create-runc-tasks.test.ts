import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { openFifoReader, openFifoWriter } from "@crib/linux";

import { needsRunc } from "./testing/needs-runc.ts";
import { RuncFixture } from "./testing/runc-fixture.ts";

test("a container runs, ends and is deleted, and leaves nothing", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const pid = await runc.create("a", { args: ["sh", "-c", "exit 7"] });
  ok(pid > 0);
  equal((await runc.state("a")).status, 1);
  const waiting = [runc.wait("a"), runc.wait("a")];
  const before = Date.now();
  equal(await runc.start("a"), pid);
  deepEqual(await Promise.all(waiting), [7, 7]);
  equal((await runc.state("a")).status, 3);
  equal(await runc.wait("a"), 7);
  const end = await runc.delete("a");
  deepEqual([end.pid, end.exitStatus], [pid, 7]);
  ok(end.exitedMs >= before && end.exitedMs <= Date.now());
  await rejects(runc.state("a"), { code: Code.NotFound });
  deepEqual(await runc.leftovers(), []);
});

test("a process that a signal ended has 128 and the signal", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  await rejects(runc.delete("a"), { code: Code.FailedPrecondition });
  await runc.kill("a", 9);
  equal(await runc.wait("a"), 137);
  await rejects(runc.kill("a", 9), { code: Code.NotFound });
  equal((await runc.delete("a")).exitStatus, 137);
  deepEqual(await runc.leftovers(), []);
});

test("input and output are the client's FIFOs", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const [stdin, stdout, stderr] = ["in", "out", "err"].map((name) => runc.fifo(name)) as [string, string, string];
  const outputs = [stdout, stderr].map((path) => text(openFifoReader(path)));
  await runc.create("a", { args: ["sh", "-c", "cat; echo bad >&2"], request: { stdin, stdout, stderr } });
  await runc.start("a");
  const writer = await openFifoWriter(stdin);
  writer.end("to cat");
  await runc.closeStdin("a");
  equal(await runc.wait("a"), 0);
  deepEqual(await Promise.all(outputs), ["to cat", "bad\n"]);
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});

test("an exec runs beside", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  const stdout = runc.fifo("out");
  const output = text(openFifoReader(stdout));
  await runc.exec("a", "e", ["sh", "-c", "echo hello; exit 3"], { stdout });
  await rejects(runc.exec("a", "e", ["true"]), { code: Code.AlreadyExists });
  await runc.start("a", "e");
  equal(await runc.wait("a", "e"), 3);
  equal(await output, "hello\n");
  equal((await runc.delete("a", "e")).exitStatus, 3);
  await rejects(runc.state("a", "e"), { code: Code.NotFound });
});

test("a program that is not there is told as containerd's shim tells it", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await rejects(runc.create("a", { args: ["missing"] }), (error: Error) => {
    match(error.message, /^OCI runtime create failed: .*executable file not found/);
    return true;
  });
  deepEqual(await runc.leftovers(), []);
});
