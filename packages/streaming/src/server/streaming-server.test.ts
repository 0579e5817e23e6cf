import { equal, match, notEqual, rejects, throws } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";

import { connectExec } from "../client/connect-exec.ts";
import { openWebSocket, requestRaw, session, spdyHeaders, startServer } from "../testing/index.ts";
import type { Session } from "../types.ts";

const onlyOutput = { stdin: false, stderr: false };
const quick = session(async () => 0, onlyOutput);

/** A session that lasts until its client has left. */
function lasting(): { readonly offered: Session; readonly aborted: Promise<unknown>; readonly started: Promise<void> } {
  const aborted = Promise.withResolvers<unknown>();
  const started = Promise.withResolvers<void>();
  const offered = session(async (_streams, signal) => {
    signal.addEventListener("abort", () => aborted.resolve(signal.reason));
    started.resolve();
    await aborted.promise;
    return 0;
  });
  return { offered, aborted: aborted.promise, started: started.promise };
}

test("a URL has 128 random bits and names what it is for", async () => {
  await using server = await startServer();
  const urls = [server.exec(quick), server.attach(quick), server.portForward({ ports: [], connect: async () => {} })];
  for (const [index, kind] of ["exec", "attach", "portforward"].entries()) {
    match(urls[index]!, new RegExp(`^http://127\\.0\\.0\\.1:\\d+/${kind}/[\\w-]{22}$`));
  }
  notEqual(server.exec(quick), urls[0]);
});

test("a URL works once, and for its kind", async () => {
  await using server = await startServer();
  const url = server.exec(quick);
  using wrongKind = await requestRaw(url.replace("/exec/", "/attach/"), spdyHeaders);
  match(wrongKind.answer, /^HTTP\/1\.1 404 /);
  using first = await requestRaw(url, spdyHeaders, "POST");
  match(first.answer, /^HTTP\/1\.1 101 /);
  using second = await requestRaw(url, spdyHeaders);
  match(second.answer, /^HTTP\/1\.1 404 /);
});

test("a URL does not work after its time", async () => {
  await using server = await startServer({ tokenMs: 20 });
  const late = server.exec(quick);
  await delay(100);
  using expired = await requestRaw(late, spdyHeaders);
  match(expired.answer, /^HTTP\/1\.1 404 /);
});

test("only so many URLs may wait, and only so many sessions run", async (t) => {
  await using server = await startServer({ maxTokens: 2, maxSessions: 1 });
  const { offered, started } = lasting();
  using client = await openWebSocket(server.exec(offered));
  await started;
  await rejects(connectExec(server.exec(quick), { stdout: new PassThrough() }, t.signal), {
    code: Code.FailedPrecondition,
    message: /503/,
  });
  client.socket.terminate();
  server.exec(quick);
  server.exec(quick);
  throws(() => server.exec(quick), { code: Code.ResourceExhausted });
});

test("streams that exclude each other and ports that are none are refused", async () => {
  await using server = await startServer();
  throws(() => server.exec({ ...quick, tty: true, stderr: true }), { code: Code.InvalidArgument });
  throws(() => server.attach({ ...quick, stdout: false }), { code: Code.InvalidArgument });
  for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
    throws(() => server.portForward({ ports: [port], connect: async () => {} }), { code: Code.InvalidArgument });
  }
});

test("a client that leaves, or is silent for too long, aborts its session", async () => {
  await using server = await startServer({ idleMs: 100 });
  const left = lasting();
  using leaver = await openWebSocket(server.exec(left.offered), "v4.channel.k8s.io");
  await left.started;
  leaver.socket.terminate();
  match(String(await left.aborted), /left/);
  const idle = lasting();
  using _sleeper = await openWebSocket(server.exec(idle.offered), "v4.channel.k8s.io");
  match(String(await idle.aborted), /nothing sent or received for 100 ms/);
});

test("closing ends the sessions, and can be repeated", async () => {
  const server = await startServer();
  const { offered, aborted, started } = lasting();
  using client = await openWebSocket(server.exec(offered));
  await started;
  await server.close();
  await aborted;
  equal(await client.closed, 1006);
  await server.close();
});

test("the base of the URLs can be another name", async () => {
  await using server = await startServer({ baseUrl: "https://node.example/streams/" });
  match(server.exec(quick), /^https:\/\/node\.example\/streams\/exec\/[\w-]{22}$/);
});
