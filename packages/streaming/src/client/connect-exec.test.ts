import { equal, rejects } from "node:assert/strict";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { echo, session, startServer } from "../testing/index.ts";
import { connectExec } from "./connect-exec.ts";

test("input goes through a session and back, and the exit code comes with it", async (t) => {
  await using server = await startServer();
  const url = server.exec(session(echo));
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const output = text(stdout);
  const { exitCode } = await connectExec(
    url,
    { stdin: Readable.from([Buffer.from("hello "), Buffer.from("world")]), stdout, stderr },
    t.signal,
  );
  stdout.end();
  equal(await output, "hello world");
  equal(exitCode, 11);
});

test("a session that fails is reported with its message", async (t) => {
  await using server = await startServer();
  const url = server.exec(
    session(() => Promise.reject(new Error("no such container")), { stdin: false, stderr: false }),
  );
  await rejects(connectExec(url, { stdout: new PassThrough() }, t.signal), {
    code: Code.Internal,
    message: /no such container/,
  });
});

test("a URL works once", async (t) => {
  await using server = await startServer();
  const url = server.exec(session(async () => 0, { stdin: false, stderr: false }));
  await connectExec(url, { stdout: new PassThrough() }, t.signal);
  await rejects(connectExec(url, { stdout: new PassThrough() }, t.signal), { code: Code.NotFound });
});
