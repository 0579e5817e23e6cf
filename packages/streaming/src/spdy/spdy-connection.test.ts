import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { ResetStatus } from "./frame.ts";
import { SpdyConnection } from "./spdy-connection.ts";
import type { SpdyStream } from "./spdy-stream.ts";

interface Pair extends Disposable {
  readonly client: SpdyConnection;
  readonly server: SpdyConnection;
}

function connectPair(onStream: (stream: SpdyStream) => void): Pair {
  const [near, far] = duplexPair();
  const client = new SpdyConnection(near, { role: "client" });
  const server = new SpdyConnection(far, { role: "server", onStream, maxStreams: 4 });
  client.start();
  server.start();
  const dispose = (): void => {
    client.destroy();
    server.destroy();
  };
  return { client, server, [Symbol.dispose]: dispose };
}

/** Settles when the stream has closed, with or without an error. */
function closed(stream: SpdyStream): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve));
}

const headers = new Map([["streamtype", "data"]]);

test("each half of a stream ends by itself", async () => {
  using pair = connectPair((stream) => {
    stream.reply();
    void text(stream).then((sent) => stream.end(`got ${sent} of ${stream.headers.get("streamtype")}`));
  });
  const stream = pair.client.open(headers);
  await stream.accepted;
  stream.end("all");
  equal(await text(stream), "got all of data");
});

test("a megabyte on each of three streams arrives, in order, whatever the chunks", async () => {
  using pair = connectPair((stream) => {
    stream.reply();
    stream.pipe(stream);
  });
  const sent = Buffer.alloc(1024 * 1024);
  for (let index = 0; index < sent.length; index++) sent[index] = index % 251;
  const streams = [0, 1, 2].map(() => pair.client.open(headers));
  for (const stream of streams) {
    stream.write(sent.subarray(0, 300_001));
    stream.end(sent.subarray(300_001));
  }
  for (const received of await Promise.all(streams.map((stream) => buffer(stream)))) ok(received.equals(sent));
});

test("a stream that nobody reads stops the sender, not the memory", async () => {
  const { promise, resolve } = Promise.withResolvers<SpdyStream>();
  using pair = connectPair((stream) => {
    stream.reply();
    resolve(stream);
  });
  const stream = pair.client.open(headers);
  const chunk = Buffer.alloc(32 * 1024);
  let sent = 0;
  for (;;) {
    sent += chunk.length;
    if (stream.write(chunk)) continue;
    const drained = await Promise.race([
      once(stream, "drain").then(() => true),
      new Promise((later) => setTimeout(later, 50, false)),
    ]);
    if (drained === false) break;
  }
  const held = (await promise).readableLength;
  ok(sent < 2 * 1024 * 1024, `${sent} bytes were taken`);
  ok(held <= 512 * 1024, `${held} bytes are held`);
  (await promise).discard();
  // It has drained already where the machine stalled so long that the wait above was too short.
  if (stream.writableNeedDrain) await once(stream, "drain");
});

test("a refused, a reset and a lost stream each tell their user", async () => {
  const streams: SpdyStream[] = [];
  using pair = connectPair((stream) => {
    streams.push(stream);
    if (streams.length === 1) stream.refuse(ResetStatus.RefusedStream);
    else stream.reply();
  });
  await rejects(pair.client.open(headers).accepted, { code: Code.Canceled });
  const reset = pair.client.open(headers);
  await reset.accepted;
  reset.destroy();
  await closed(streams[1]!);
  equal(streams[1]!.resetByPeer, true);
  const lost = pair.client.open(headers);
  await lost.accepted;
  const reading = text(lost);
  pair.server.destroy();
  await rejects(reading, { code: Code.Unavailable });
});

test("a reset is the end of a stream where that is asked for, after all that came before it", async () => {
  using pair = connectPair((stream) => {
    stream.reply();
    stream.write("last words", () => stream.destroy());
  });
  const strict = pair.client.open(headers);
  await rejects(text(strict), { code: Code.Canceled });
  const tolerant = pair.client.open(headers);
  tolerant.takeResetAsEnd();
  while (!tolerant.resetByPeer) await new Promise((resolve) => setImmediate(resolve));
  tolerant.write("nobody reads this");
  equal(await text(tolerant), "last words");
});

test("streams beyond the limit are refused, and room comes back", async () => {
  const streams: SpdyStream[] = [];
  using pair = connectPair((stream) => {
    stream.reply();
    streams.push(stream);
  });
  const open = [0, 1, 2, 3].map(() => pair.client.open(headers));
  await Promise.all(open.map((stream) => stream.accepted));
  await rejects(pair.client.open(headers).accepted);
  open[0]!.destroy();
  await closed(streams[0]!);
  await pair.client.open(headers).accepted;
});

test("after end, what was written arrives and the connection closes", async () => {
  using pair = connectPair((stream) => {
    stream.reply();
    stream.end("last words");
    void pair.server.end();
  });
  const stream = pair.client.open(headers);
  equal(await text(stream), "last words");
  await pair.client.closed;
  deepEqual(await pair.server.closed, undefined);
});
