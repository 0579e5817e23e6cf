import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { openFifoWriter } from "@crib/linux";
import { ResizePtyRequestSchema } from "@crib/wire/task";

import { needsRunc } from "../testing/needs-runc.ts";
import { RuncFixture } from "../testing/runc-fixture.ts";

async function resize(runc: RuncFixture, id: string, execId: string, width: number, height: number): Promise<void> {
  await runc.tasks.resizePty(create(ResizePtyRequestSchema, { id, execId, width, height }), runc.call);
}

/** Reads until the text is there. */
async function readUntil(reader: Socket, pattern: RegExp): Promise<string> {
  let seen = "";
  reader.setEncoding("utf8");
  while (!pattern.test(seen)) seen += String((await once(reader, "data"))[0]);
  return seen;
}

test("a container with a terminal reads what is typed and knows its size", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const [stdin, stdout] = [runc.fifo("in"), runc.fifo("out")];
  const reader = runc.read(stdout);
  const args = ["sh", "-c", "read line; echo got-$line; stty size; exit 4"];
  await runc.create("a", { args, terminal: true, request: { stdin, stdout } });
  await resize(runc, "a", "", 133, 47);
  await rejects(resize(runc, "a", "", 70_000, 1), { code: Code.InvalidArgument });
  await runc.start("a");
  const writer = await openFifoWriter(stdin);
  writer.write("hello\n");
  const output = text(reader);
  equal(await runc.wait("a"), 4);
  equal((await runc.delete("a")).exitStatus, 4);
  equal(await output, "hello\r\ngot-hello\r\n47 133\r\n");
  writer.destroy();
  deepEqual(await runc.leftovers(), []);
});

test("an exec has a terminal of its own, and is told of a new size", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  await runc.run("a");
  await rejects(resize(runc, "a", "", 1, 1), { code: Code.FailedPrecondition });
  const [stdin, stdout] = [runc.fifo("in"), runc.fifo("out")];
  const reader = runc.read(stdout);
  await runc.exec("a", "e", ["sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do read x; done"], {
    terminal: true,
    stdin,
    stdout,
  });
  await rejects(resize(runc, "a", "e", 1, 1), { code: Code.FailedPrecondition });
  await runc.start("a", "e");
  await readUntil(reader, /ready/);
  await resize(runc, "a", "e", 90, 30);
  const writer = await openFifoWriter(stdin);
  writer.write("x\n");
  match(await readUntil(reader, /30 90/), /30 90/);
  await runc.kill("a", 9, { execId: "e" });
  equal(await runc.wait("a", "e"), 137);
  equal((await runc.delete("a", "e")).exitStatus, 137);
  await rejects(resize(runc, "a", "e", 1, 1), { code: Code.NotFound });
  writer.destroy();
});

test(
  "what is written just before the end of a terminal is not lost, however slowly it is read",
  needsRunc,
  async (t) => {
    const runc = RuncFixture.open(t);
    const stdout = runc.fifo("out");
    const reader = runc.read(stdout).pause();
    const script = "dd if=/dev/zero bs=1024 count=1024 2>/dev/null | tr '\\0' x; echo end";
    await runc.run("a", { args: ["sh", "-c", script], terminal: true, request: { stdout } });
    let size = 0;
    let last = "";
    const sizes = (async () => {
      for await (const chunk of reader) {
        size += (chunk as Buffer).length;
        last = String(chunk).slice(-8);
        if (size % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    equal(await runc.wait("a"), 0);
    await runc.delete("a");
    await sizes;
    equal(size, 1024 * 1024 + 5);
    match(last, /end\r\n$/);
  },
);

test("a program that does not read what is typed stops nobody else", needsRunc, async (t) => {
  const runc = RuncFixture.open(t);
  const stdin = runc.fifo("in");
  await runc.run("a", { args: ["sh", "-c", "stty raw -echo; sleep 1000"], terminal: true, request: { stdin } });
  const writer = await openFifoWriter(stdin);
  t.after(() => writer.destroy());
  // The container's end breaks the FIFO under what has not been typed.
  writer.on("error", () => undefined);
  writer.write(Buffer.alloc(256 * 1024, "x"));
  for (let round = 0; round < 20; round++) await runc.state("a");
  await runc.kill("a", 9);
  equal(await runc.wait("a"), 137);
  await runc.delete("a");
  deepEqual(await runc.leftovers(), []);
});
