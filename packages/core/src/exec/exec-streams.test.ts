import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { after, before, suite, test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsShim } from "../sandbox/podsandbox/testing/needs-shim.ts";
import { ContainerFixture } from "./testing/container-fixture.ts";
import { eventually, input, Sink, text } from "./testing/text.ts";
import type { Execs, TerminalSize } from "./types.ts";

const never = new AbortController().signal;

suite("Exec with a client's streams in a real container", needsShim, () => {
  let fixture: ContainerFixture;
  let execs: Execs;
  before(async () => {
    fixture = await ContainerFixture.make();
    execs = fixture.execs({ drainMs: 200 });
  });
  after(() => fixture[Symbol.asyncDispose]());

  const command = (script: string, tty = false): { args: string[]; tty: boolean } => ({
    args: ["sh", "-c", script],
    tty,
  });
  const runs = async (what: string): Promise<boolean> => {
    const { stdout } = await execs.execSync(fixture.id, { args: ["ps"], tty: false, timeoutMs: 0 }, never);
    return text(stdout).includes(what);
  };

  test("input is copied and its end is told; outputs are kept apart", async () => {
    const [stdout, stderr] = [new Sink(), new Sink()];
    const streams = { stdin: input("one\n", "two\n"), stdout, stderr };
    equal(await execs.exec(fixture.id, command("cat; echo over >&2; exit 4"), streams, never), 4);
    deepEqual([stdout.text, stderr.text], ["one\ntwo\n", "over\n"]);
    equal(stdout.writableFinished, true);
    deepEqual(await fixture.execDirs(), []);
  });

  test("no byte of a large input or output is lost", async () => {
    const bytes = Buffer.alloc(5_000_000, "0123456789");
    const stdin = new PassThrough();
    const stdout = new Sink();
    const exit = execs.exec(fixture.id, command("cat"), { stdin, stdout }, never);
    stdin.end(bytes);
    equal(await exit, 0);
    equal(stdout.text === bytes.toString(), true);
  });

  test("a terminal has one output, knows its size and follows its changes", async () => {
    const stdout = new Sink();
    const { promise: wanted, resolve: change } = Promise.withResolvers<void>();
    async function* sizes(): AsyncGenerator<TerminalSize> {
      yield { width: 100, height: 40 };
      await wanted;
      yield { width: 0, height: 0 }; // means nothing
      yield { width: 81, height: 25 };
      await new Promise(() => {});
    }
    const until = (size: string): string =>
      `while ! stty size | grep -q "${size}"; do sleep 0.01; done; echo is ${size}`;
    const script = `echo $TERM >&2; read word; echo read $word; ${until("40 100")}; ${until("25 81")}; exit 3`;
    const streams = { stdin: new PassThrough(), stdout, resizes: sizes() };
    const exit = execs.exec(fixture.id, command(script, true), streams, never);
    await stdout.has(/xterm/);
    streams.stdin.write("typed\n");
    await stdout.has(/read typed[^]*is 40 100/);
    change();
    equal(await exit, 3);
    match(stdout.text, /is 25 81/);
  });

  test("a process goes on when its client leaves, is not held up, and is deleted at its end", async () => {
    const leaving = new AbortController();
    const stdout = new Sink();
    const script = "echo begun; while [ ! -e /go-on ]; do sleep 0.02; done; seq 100000; sleep 0.1; echo over >&2";
    const exit = execs.exec(fixture.id, command(script), { stdout, stderr: new Sink() }, leaving.signal);
    await stdout.has(/begun/);
    leaving.abort();
    await rejects(exit, { code: Code.Canceled });
    equal(await runs("go-on"), true);
    await writeFile(join(fixture.bundleDir, "rootfs/go-on"), "");
    await eventually("it has ended by itself", async () => !(await runs("seq 100000")));
    await eventually("its FIFOs are gone", async () => (await fixture.execDirs()).length === 0);
  });

  test("a client that closes its output does not break the process", async () => {
    const stdout = new PassThrough();
    const exit = execs.exec(fixture.id, command("seq 200000; exit 9"), { stdout }, never);
    stdout.once("data", () => stdout.destroy());
    equal(await exit, 9);
  });

  test("a client that does not read holds up the process, and loses nothing", async () => {
    const stdout = new PassThrough({ highWaterMark: 1024 });
    const exit = execs.exec(fixture.id, command("head -c 1000000 /dev/zero"), { stdout }, never);
    await new Promise((resolve) => setTimeout(resolve, 600));
    let size = 0;
    stdout.on("data", (chunk: Buffer) => (size += chunk.length));
    equal(await exit, 0);
    equal(size, 1_000_000);
  });

  test("somebody who holds the output open does not hold up the client", async () => {
    const stdout = new Sink();
    equal(await execs.exec(fixture.id, command("sleep 4 & echo done"), { stdout }, never), 0);
    equal(stdout.text, "done\n");
  });

  test("a command that cannot be started is an error and leaves nothing", async () => {
    const request = { args: ["missing"], tty: false };
    await rejects(execs.exec(fixture.id, request, { stdout: new Sink() }, never), /missing/);
    await eventually("its FIFOs are gone", async () => (await fixture.execDirs()).length === 0);
  });
});

test("attach joins a client with the first process and its terminal", needsShim, async () => {
  const script = ["sh", "-c", "while read line; do echo got $line; stty size; done"];
  await using fixture = await ContainerFixture.make(script, { tty: true, stdin: true });
  const [stdin, stdout] = [new PassThrough(), new Sink()];
  const leaving = new AbortController();
  async function* sizes(): AsyncGenerator<TerminalSize> {
    yield { width: 90, height: 30 };
  }
  const attached = fixture.execs().attach(fixture.id, { stdin, stdout, resizes: sizes() }, leaving.signal);
  await eventually("the size has come", async () => {
    stdin.write("word\n");
    await stdout.has(/got word/);
    return /30 90/.test(stdout.text);
  });
  leaving.abort();
  await attached.catch(() => undefined);
  fixture.execs().checkRunning(fixture.id);
  await fixture.stdio.find(fixture.id)?.close();
  await rejects(fixture.execs().attach(fixture.id, {}, never), { code: Code.FailedPrecondition });
});
