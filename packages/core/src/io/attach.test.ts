import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { AttachedClient } from "./attach/attached-client.ts";
import { ContainerStreams } from "./container-streams.ts";
import { makeFifos } from "./fifos.ts";
import type { LogThread } from "./log-thread.ts";
import { joinLog, readLog, StdioBench, untilExit } from "./testing/stdio-bench.ts";

/** An output that keeps what it gets. */
class Sink extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString("latin1");
    done();
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let left = 12_000; !holds(); left -= 1) {
    if (left === 0) throw new Error(`never came true: ${holds.toString()}`);
    await delay(5);
  }
}

test("clients get what is written from then on, and so does the log", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t, {}, { stdin: true });
  const child = bench.start(`echo before; read go <$STDIN; seq 1 200000; echo error >&2; printf end`, streams);
  await until(() => readLog(bench.logPath).length > 0);
  const [first, second, errors, stdin] = [new Sink(), new Sink(), new Sink(), new PassThrough()];
  const attached = [
    streams.attach({ stdin, stdout: first, stderr: errors }, t.signal),
    streams.attach({ stdout: second }, t.signal),
  ];
  stdin.end("go\n");
  await Promise.all(attached);
  const expected = `${Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("")}end`;
  equal(first.text, expected);
  equal(second.text, expected);
  equal(errors.text, "error\n");
  ok(!first.writableEnded, "it is its owner's");
  await untilExit(child);
  equal(joinLog(readLog(bench.logPath)), `before\n${expected}`);
  await streams.attach({ stdout: first }, t.signal);
});

test("input comes from several clients and does not end with them", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t, {}, { stdin: true });
  bench.start("for number in 1 2 3; do read line; echo $line; done <>$STDIN", streams);
  for (const [index, stdout] of [new Sink(), new Sink(), new Sink()].entries()) {
    const [stdin, leave] = [new PassThrough(), new AbortController()];
    const attached = streams.attach({ stdin, stdout }, leave.signal);
    stdin.end(`${index}\n`);
    await until(() => joinLog(readLog(bench.logPath)).includes(`${index}\n`));
    leave.abort();
    await attached;
  }
  ok(await streams.drained(20_000));
  equal(joinLog(readLog(bench.logPath)), "0\n1\n2\n");
});

test("clients that come before the process get all that it writes", async (t) => {
  await using bench = new StdioBench();
  for (let round = 0; round < 20; round++) {
    const streams = await bench.open(t);
    const stdout = new Sink();
    const attached = streams.attach({ stdout }, t.signal);
    await streams.heeded();
    bench.start("echo first; echo last", streams);
    await attached;
    equal(stdout.text, "first\nlast\n");
    await streams.close();
  }
});

test("input that is for one client ends with it, and its shim is told", async (t) => {
  const ended: string[] = [];
  await using bench = new StdioBench({ endStdin: async (id) => void ended.push(id) });
  const streams = await bench.open(t, {}, { stdin: true, stdinOnce: true });
  bench.start("cat <$STDIN; echo done", streams);
  const [stdin, stdout] = [new PassThrough(), new Sink()];
  const attached = streams.attach({ stdin, stdout }, t.signal);
  stdin.write("x".repeat(1_000_000));
  stdin.end("y");
  await attached;
  equal(stdout.text, `${"x".repeat(1_000_000)}ydone\n`);
  equal(ended.join(), "a");
});

test("no input goes to the process before its output goes to the client", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "crib-attach-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const choice = { dir: join(dir, "io"), stdin: true, stdout: false, stderr: false };
  const paths = makeFifos(choice);
  const heeded = Promise.withResolvers<void>();
  const asked: string[] = [];
  const thread = {
    call: async ({ kind }: { readonly kind: string }) => {
      asked.push(kind);
      await heeded.promise;
    },
    tap: () => void asked.push("tap"),
  } as unknown as LogThread;
  const request = { id: "a", dir: choice.dir, stdin: true, stdinOnce: false, tty: false };
  const streams = new ContainerStreams(request, choice, paths, { thread, endStdin: () => {}, forget: () => {} });
  const reader = openSync(paths.stdin, constants.O_RDWR | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  const stdin = new PassThrough();
  stdin.write("input");
  const leaving = new AbortController();
  const attached = streams.attach({ stdin, stdout: new Sink() }, leaving.signal);
  await delay(50);
  deepEqual(asked, ["tap", "heed"]);
  throws(() => readSync(reader, Buffer.alloc(10)), { code: "EAGAIN" });
  heeded.resolve();
  const read = Buffer.alloc(10);
  await until(() => {
    try {
      return readSync(reader, read) === 5;
    } catch {
      return false; // not yet
    }
  });
  equal(read.toString("latin1", 0, 5), "input");
  leaving.abort();
  await attached;
});

test("a client that does not read holds the container up, in bounded memory, until it does", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const slow = new PassThrough();
  const attached = streams.attach({ stdout: slow }, t.signal);
  bench.start("head -c 20000000 /dev/zero", streams);
  await delay(200);
  ok(slow.readableLength + slow.writableLength < 2_000_000, `${slow.readableLength + slow.writableLength}`);
  equal(await streams.drained(0), false);
  let bytes = 0;
  slow.on("data", (chunk: Buffer) => (bytes += chunk.length));
  await attached;
  slow.end();
  await new Promise((resolve) => slow.once("end", resolve));
  equal(bytes, 20_000_000);
});

test("a client that does not read for too long is cut off", async () => {
  const stdout = new PassThrough();
  const client = new AttachedClient({ stdout }, 50);
  const sent = Promise.all(Array.from({ length: 1_000 }, async () => await client.send("stdout", Buffer.alloc(1_000))));
  await rejects(client.done, { code: Code.DeadlineExceeded, message: /has not read for 50 ms/ });
  ok(stdout.destroyed);
  await sent;
  await client.send("stdout", Buffer.alloc(1));
});

test("a client that goes ends its attachment and nothing else", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t);
  const stdout = new PassThrough();
  const attached = streams.attach({ stdout }, t.signal);
  const child = bench.start("seq 1 100000", streams);
  await new Promise((resolve) => stdout.once("data", resolve));
  stdout.destroy();
  await attached;
  await streams.attach({ stdout }, t.signal);
  await untilExit(child);
  ok(await streams.drained(20_000));
  equal(joinLog(readLog(bench.logPath)).length, 588_895);
});

test("a client that leaves before the process reads, or an input nobody reads, holds up nothing", async (t) => {
  await using bench = new StdioBench();
  const streams = await bench.open(t, undefined, { stdin: true, stdinOnce: true });
  const [stdin, leave] = [new PassThrough(), new AbortController()];
  const attached = streams.attach({ stdin, stdout: new Sink() }, leave.signal);
  stdin.end("nobody reads this");
  await delay(20);
  leave.abort();
  await attached;
  await streams.close();
  equal(await streams.drained(0), false);
});
