import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { PassThrough, Readable, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { connectExec, type TerminalSize } from "@crib/streaming";
import { openWebSocket } from "@crib/streaming/testing";

import { startContainerNode } from "../support/containers/container-node.ts";
import { execStream } from "../support/containers/exec-stream.ts";
import { execDirs } from "../support/containers/process-use.ts";
import {
  channels,
  endChannel,
  execUrl,
  runOverSpdy,
  runOverWebSocket,
  sendOn,
  type SessionResult,
} from "../support/containers/streaming-calls.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const MiB = 2 ** 20;

/** Bytes that go through a session over SPDY in each direction. */
const bulk = 100 * MiB;

/** A stream of numbered blocks and the digest of all of it. */
function numberedBytes(bytes: number): { readonly stream: Readable; readonly digest: () => string } {
  const hash = createHash("md5");
  const blocks = function* (): Generator<Buffer> {
    for (let at = 0; at < bytes; at += MiB) {
      const block = Buffer.alloc(MiB, `block ${at} `);
      hash.update(block);
      yield block;
    }
  };
  let digest: string | undefined;
  return { stream: Readable.from(blocks()), digest: () => (digest ??= hash.digest("hex")) };
}

/** Takes everything and keeps only its digest. */
function digesting(): { readonly stream: Writable; readonly digest: () => string; readonly bytes: () => number } {
  const hash = createHash("md5");
  let bytes = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done();
    },
  });
  return { stream, digest: () => hash.digest("hex"), bytes: () => bytes };
}

test("commands with a client", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const pod = await node.runPod();
  const container = await scene.runContainer(pod);

  const transports: Readonly<Record<string, (script: string, stdin?: string) => Promise<SessionResult>>> = {
    async SPDY(script, stdin) {
      const url = await execUrl(node, container, ["sh", "-c", script], { stdin: stdin !== undefined });
      return await runOverSpdy(url, stdin === undefined ? {} : { stdin }, t.signal);
    },
    async WebSocket(script, stdin) {
      const url = await execUrl(node, container, ["sh", "-c", script], { stdin: stdin !== undefined });
      return await runOverWebSocket(url, stdin);
    },
  };
  for (const [name, run] of Object.entries(transports)) {
    await t.test(`over ${name} have their streams, the end of their input and an exit code`, async () => {
      deepEqual(await run("echo out; echo err >&2; exit 7"), { stdout: "out\n", stderr: "err\n", exitCode: 7 });
      deepEqual(await run("cat | wc -c; cat >&2", "x".repeat(70_000)), {
        stdout: "70000\n",
        stderr: "",
        exitCode: 0,
      });
      // Input that nobody reads, more than a pipe holds.
      deepEqual(await run("exec <&-; echo done", "y".repeat(300_000)), { stdout: "done\n", stderr: "", exitCode: 0 });
      equal((await run("kill -KILL $$")).exitCode, 137);
    });

    await t.test(`over ${name} that cannot be started say why`, async () => {
      const url = await execUrl(node, container, ["/no/such/program"]);
      const join = name === "SPDY" ? runOverSpdy(url, {}, t.signal) : runOverWebSocket(url);
      await rejects(join, /no\/such\/program/);
    });
  }

  await t.test("over SPDY on a terminal see its sizes", async () => {
    const sizes = new PassThrough({ objectMode: true });
    const stdin = new PassThrough();
    const stdout = new PassThrough();
    let said = "";
    stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const cmd = ["sh", "-c", 'while read -r line; do stty size; echo "$TERM $line"; done; exit 5'];
    const url = await execUrl(node, container, cmd, { tty: true, stdin: true });
    const resizes = sizes as unknown as AsyncIterable<TerminalSize>;
    const over = connectExec(url, { stdin, stdout, tty: true, resizes }, t.signal);
    for (const [width, height] of [
      [80, 24],
      [132, 43],
    ] as const) {
      sizes.write({ width, height });
      await eventually(10_000, () => {
        stdin.write("x\n");
        ok(said.includes(`${height} ${width}\r\nxterm x\r\n`), said);
      });
    }
    stdin.write("\u0004"); // end of input, as a terminal has it
    equal((await over).exitCode, 5);
    sizes.end();
  });

  await t.test("over WebSocket on a terminal see its sizes, and an interrupt", async () => {
    const cmd = ["sh", "-c", "trap 'echo asked; exit 9' INT; while :; do stty size; sleep 0.1; done"];
    const url = await execUrl(node, container, cmd, { tty: true, stdin: true });
    using client = await openWebSocket(url, "v5.channel.k8s.io");
    await sendOn(client, channels.resize, '{"Width":101,"Height":31}');
    const said = (): string => client.channel(channels.stdout).toString();
    await eventually(10_000, () => match(said(), /31 101\r\n/));
    await sendOn(client, channels.stdin, "\u0003");
    await client.closed;
    match(said(), /asked\r\n$/);
    match(client.channel(channels.error).toString(), /"message":"9"/);
  });

  await t.test("take and give 100 MiB over SPDY, and take 20 MiB over WebSocket, to the byte", async () => {
    const sent = numberedBytes(bulk);
    const copy = digesting();
    // One way is what the container's own md5sum says, the other what comes back.
    const url = await execUrl(node, container, ["sh", "-c", "tee /dev/stderr | md5sum"], { stdin: true });
    const said = new PassThrough();
    const text = buffer(said);
    const { exitCode } = await connectExec(url, { stdin: sent.stream, stdout: said, stderr: copy.stream }, t.signal);
    said.end();
    deepEqual([exitCode, copy.bytes(), copy.digest()], [0, bulk, sent.digest()]);
    equal((await text).toString(), `${sent.digest()}  -\n`);

    const counted = await execUrl(node, container, ["md5sum"], { stdin: true });
    using client = await openWebSocket(counted, "v5.channel.k8s.io");
    const third = numberedBytes(20 * MiB);
    for await (const block of third.stream as AsyncIterable<Buffer>) await sendOn(client, channels.stdin, block);
    await endChannel(client, channels.stdin);
    await client.closed;
    equal(client.channel(channels.stdout).toString(), `${third.digest()}  -\n`);
  });

  await t.test("give 256 MiB, every byte once, for no more memory than a little", async (t) => {
    t.diagnostic(JSON.stringify(await execStream(node, container, 256 * MiB, t.signal)));
  });

  await t.test("go on when their client leaves, and leave nothing when they end", async () => {
    const leaving = new AbortController();
    const url = await execUrl(node, container, ["sh", "-c", "echo here; sleep 1; echo there; echo end >/tmp/end"]);
    const stdout = new PassThrough();
    stdout.once("data", () => leaving.abort());
    await rejects(runOverSpdy(url, { stdout }, leaving.signal), { code: Code.Canceled });
    await eventually(10_000, async () => equal(await container.sh("cat /tmp/end"), "end\n"));
    await eventually(10_000, () => deepEqual(execDirs(node, container.id), []));
  });

  await t.test("end with their container", async () => {
    const short = await scene.runContainer(pod);
    const url = await execUrl(node, short, ["sleep", "600"]);
    const opened = Promise.withResolvers<void>();
    const over = runOverSpdy(url, { onOpen: opened.resolve }, t.signal);
    await opened.promise;
    await eventually(10_000, async () => match(await short.sh("pidof sleep | wc -w"), /^[2-9]/));
    await short.stop(0);
    equal((await over).exitCode, 137);
    await short.remove();
    await rejects(execUrl(node, short, ["true"]), { code: Code.NotFound });
  });

  await t.test("have a URL that is good for one client, and for nothing else", async () => {
    const url = await execUrl(node, container, ["true"]);
    match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[\w-]{22}$/);
    equal((await runOverSpdy(url, {}, t.signal)).exitCode, 0);
    await rejects(runOverSpdy(url, {}, t.signal), { code: Code.NotFound });
    const other = await execUrl(node, container, ["true"]);
    await rejects(runOverSpdy(other.replace("/exec/", "/attach/"), {}, t.signal), { code: Code.NotFound });
    const gone = await scene.runContainer(pod);
    const late = await execUrl(node, gone, ["true"]);
    await gone.stop(0);
    await rejects(runOverSpdy(late, {}, t.signal), /it is exited/);
  });

  await t.test("are refused for streams that exclude each other or are none", async () => {
    await rejects(execUrl(node, container, ["true"], { tty: true, stderr: true }), { code: Code.InvalidArgument });
    await rejects(execUrl(node, container, ["true"], { stdout: false, stderr: false }), { code: Code.InvalidArgument });
    await rejects(execUrl(node, container, []), { code: Code.InvalidArgument });
  });
});
