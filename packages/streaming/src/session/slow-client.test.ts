import { equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { PassThrough, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { connectExec } from "../client/connect-exec.ts";
import { openWebSocket, session, startServer } from "../testing/index.ts";

const mebibyte = 1024 * 1024;
/** Enough to overflow every buffer on the way; 10,000 for a soak. */
const totalBytes = Number(process.env["CRIB_FLOOD_MEBIBYTES"] ?? 48) * mebibyte;

/** Writes all of it and keeps how far it got. */
function flood(progress: { written: number }): ReturnType<typeof session> {
  return session(
    async ({ stdout }) => {
      const chunks = async function* (): AsyncGenerator<Buffer> {
        for (let index = 0; index < totalBytes / mebibyte; index++) {
          progress.written += mebibyte;
          yield Buffer.alloc(mebibyte, index);
        }
      };
      await pipeline(chunks(), stdout!);
      return 42;
    },
    { stdin: false, stderr: false },
  );
}

/** Takes nothing for a moment, then everything; counts and hashes. */
function slowSink(startMs: number): {
  readonly sink: Writable;
  readonly digest: () => string;
  readonly bytes: () => number;
} {
  const hash = createHash("sha256");
  let bytes = 0;
  let first = true;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      if (first) setTimeout(done, startMs);
      else done();
      first = false;
    },
  });
  return { sink, digest: () => hash.digest("hex"), bytes: () => bytes };
}

function expectedDigest(): string {
  const hash = createHash("sha256");
  for (let index = 0; index < totalBytes / mebibyte; index++) hash.update(Buffer.alloc(mebibyte, index));
  return hash.digest("hex");
}

test("SPDY: all output reaches a client that is slow at first, to the last byte, and wait in the process meanwhile", async (t) => {
  await using server = await startServer();
  const progress = { written: 0 };
  const { sink, digest, bytes } = slowSink(300);
  const running = connectExec(server.exec(flood(progress)), { stdout: sink }, t.signal);
  await delay(200);
  ok(progress.written < 24 * mebibyte, `${progress.written} bytes were taken from the process`);
  equal((await running).exitCode, 42);
  equal(bytes(), totalBytes);
  equal(digest(), expectedDigest());
});

test("WebSocket: the same", async () => {
  await using server = await startServer();
  const progress = { written: 0 };
  using client = await openWebSocket(server.exec(flood(progress)), "v4.channel.k8s.io");
  client.socket.pause();
  await delay(200);
  ok(progress.written < 24 * mebibyte, `${progress.written} bytes were taken from the process`);
  client.socket.resume();
  equal(await client.closed, 1000);
  equal(createHash("sha256").update(client.channel(1)).digest("hex"), expectedDigest());
  ok(client.channel(3).toString().includes('"42"'));
});

test("output arrives although the client goes on sending what nobody reads", async (t) => {
  await using server = await startServer();
  const tail = session(async ({ stdout }) => {
    stdout!.write(Buffer.alloc(4 * mebibyte, 1));
    return 7;
  });
  const stdin = new PassThrough();
  const flooding = setInterval(() => stdin.write(Buffer.alloc(64 * 1024)), 1);
  const { sink, bytes } = slowSink(100);
  const { exitCode } = await connectExec(
    server.exec(tail),
    { stdin, stdout: sink, stderr: new PassThrough() },
    t.signal,
  );
  clearInterval(flooding);
  equal(exitCode, 7);
  equal(bytes(), 4 * mebibyte);
});
