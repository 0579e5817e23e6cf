import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { openFifoWriter } from "@crib/linux";

import { needsRunc } from "../testing/needs-runc.ts";
import { RuncFixture } from "../testing/runc-fixture.ts";
import { until } from "../testing/until.ts";

test("input and output are the client's FIFOs", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const [stdin, stdout, stderr] = [runc.fifo("in"), runc.fifo("out"), runc.fifo("err")];
  const outputs = [stdout, stderr].map((path) => text(runc.read(path)));
  await runc.run("a", { args: ["sh", "-c", "cat; echo bad >&2"], request: { stdin, stdout, stderr } });
  const writer = await openFifoWriter(stdin);
  writer.end("to cat");
  await once(writer, "close");
  // A client that goes, and comes again: the end of the input is what it says it is, by closeIO.
  const again = await openFifoWriter(stdin);
  again.end(", twice");
  await once(again, "close");
  await runc.closeStdin("a");
  await runc.closeStdin("a");
  equal(await runc.wait("a"), 0);
  deepEqual(await Promise.all(outputs), ["to cat, twice", "bad\n"]);
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});

test("output goes on when the client is away, and waits for it", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const stdout = runc.fifo("out");
  // Nobody reads when it starts, nor while it writes.
  await runc.run("a", { args: ["sh", "-c", "echo one; echo two; exit 5"], request: { stdout } });
  equal(await runc.wait("a"), 5);
  const late = text(runc.read(stdout));
  await runc.delete("a");
  equal(await late, "one\ntwo\n");
  await runc.run("b", { args: ["sh", "-c", "while :; do echo x; sleep 0.01; done"], request: { stdout } });
  for (let visit = 0; visit < 3; visit++) {
    const fd = openSync(stdout, constants.O_RDONLY | constants.O_NONBLOCK);
    await until("something is there", () => {
      try {
        return readSync(fd, Buffer.alloc(2)) === 2;
      } catch {
        return false; // not yet
      }
    });
    closeSync(fd);
  }
  equal((await runc.state("b")).status, 2);
  await runc.kill("b", 9);
  await runc.wait("b");
  await runc.delete("b");
});

test("a mebibyte of output arrives, and its end with it", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const stdout = runc.fifo("out");
  const output = buffer(runc.read(stdout));
  await runc.run("a", { args: ["head", "-c", "1048576", "/dev/zero"], request: { stdout } });
  equal(await runc.wait("a"), 0);
  await runc.delete("a");
  equal((await output).length, 1_048_576);
});

test("a process that is not root opens its own output by name", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const stdout = runc.fifo("out");
  const output = text(runc.read(stdout));
  const script = "echo hello > /proc/self/fd/1";
  await runc.run("a", { args: ["sh", "-c", script], user: { uid: 1234, gid: 1234 }, request: { stdout } });
  equal(await runc.wait("a"), 0);
  await runc.delete("a");
  equal(await output, "hello\n");
});

test("streams may be files, and nothing; what is something else is refused", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const file = join(runc.directory, "logs", "of-a");
  const stdout = `file://${file}`;
  await runc.run("a", { args: ["sh", "-c", "cat; echo out; echo err >&2"], request: { stdout, stderr: stdout } });
  equal(await runc.wait("a"), 0);
  equal(readFileSync(file, "utf8"), "out\nerr\n");
  await runc.delete("a");
  writeFileSync(join(runc.directory, "plain"), "");
  for (const [path, code] of [
    [join(runc.directory, "plain"), Code.FailedPrecondition],
    ["relative", Code.InvalidArgument],
    ["binary:///bin/logger", Code.Unimplemented],
    ["ttrpc+unix:///run/x.sock?streaming_id=1", Code.Unimplemented],
  ] as const) {
    await rejects(runc.create("b", { request: { stdout: path } }), { code });
  }
  deepEqual(await runc.leftovers(), []);
});
