import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { RuntimeService } from "@crib/wire/cri";

import { containerRecord } from "../testing/container-record.ts";
import { sandboxRecord } from "../testing/sandbox-record.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

const runtime = RuntimeService.method;
const containerId = "c1".repeat(32);
const podSandboxId = "01".repeat(32);

async function serverWithContainer(): Promise<TestServer> {
  const server = await startTestServer();
  server.sandboxes.records.set(podSandboxId, sandboxRecord(podSandboxId));
  server.containers.set(containerRecord(containerId));
  return server;
}

test("ExecSync gives outputs and exit code, and takes its time in seconds", async () => {
  await using server = await serverWithContainer();
  const answer = await server.client.call(runtime.execSync, { containerId: "c1", cmd: ["ls", "-l"], timeout: 2n });
  equal(Buffer.from(answer.stdout).toString(), "out");
  equal(Buffer.from(answer.stderr).toString(), "err");
  equal(answer.exitCode, 3);
  const request = { args: ["ls", "-l"], tty: false, timeoutMs: 2_000 };
  deepEqual(server.execs.calls, [["execSync", containerId, request]]);
  await rejects(server.client.call(runtime.execSync, { containerId, cmd: [] }), { details: "invalid cmd: is empty" });
  await rejects(server.client.call(runtime.execSync, { containerId, cmd: ["a\0"] }), {
    details: 'invalid cmd[0]: "a\\u0000" has a NUL',
  });
});

test("outputs larger than a message are cut, not refused", async () => {
  await using server = await serverWithContainer();
  const MiB = 1024 * 1024;
  server.execs.execSync = async () => ({ stdout: Buffer.alloc(16 * MiB), stderr: Buffer.alloc(16 * MiB), exitCode: 0 });
  const answer = await server.client.call(runtime.execSync, { containerId, cmd: ["cat"] });
  equal(answer.stdout.length, 8 * MiB - 512);
  equal(answer.stderr.length, 8 * MiB - 512);
});

test("Exec hands out a URL whose session runs the command", async (t) => {
  await using server = await serverWithContainer();
  const choice = { stdin: true, stdout: true, stderr: false, tty: true };
  const { url } = await server.client.call(runtime.exec, { containerId, cmd: ["sh"], ...choice });
  match(url, /\/exec\/1$/);
  const [session] = server.streaming.sessions;
  const { run, ...streams } = session ?? { run: undefined };
  deepEqual(streams, choice);
  deepEqual(server.execs.calls, []);
  const resizes = new PassThrough({ objectMode: true });
  equal(await run?.({ stdin: new PassThrough(), resizes }, t.signal), 7);
  deepEqual(server.execs.calls, [["exec", containerId, { args: ["sh"], tty: true }, ["stdin", "resizes"]]]);
});

test("Attach hands out a URL whose session joins the container", async (t) => {
  await using server = await serverWithContainer();
  const { url } = await server.client.call(runtime.attach, { containerId, stdout: true });
  match(url, /\/attach\/1$/);
  const resizes = new PassThrough({ objectMode: true });
  equal(await server.streaming.sessions[0]?.run({ stdout: new PassThrough(), resizes }, t.signal), 0);
  deepEqual(server.execs.calls, [["attach", containerId, ["stdout", "resizes"]]]);
});

test("streams that exclude each other, and none at all, are refused; so is a container that does not run", async () => {
  await using server = await serverWithContainer();
  const { client } = server;
  for (const method of [runtime.exec, runtime.attach] as const) {
    const call = (more: object): Promise<unknown> =>
      client.call(method as typeof runtime.exec, { containerId, cmd: ["sh"], ...more });
    await rejects(call({ stdout: true, stderr: true, tty: true }), {
      details: "invalid stderr: is not there with a terminal",
    });
    await rejects(call({}), { details: "invalid stdin: is false, and so are stdout and stderr: one is needed" });
    server.execs.stopped.add(containerId);
    await rejects(call({ stdout: true }), { code: Code.FailedPrecondition });
    server.execs.stopped.clear();
  }
  equal(server.streaming.sessions.length, 0);
});

test("PortForward hands out a URL that leads to the pod", async (t) => {
  await using server = await serverWithContainer();
  const { client, streaming, execs, sandboxes } = server;
  const { url } = await client.call(runtime.portForward, { podSandboxId: "01", port: [80] });
  match(url, /\/portforward\/1$/);
  deepEqual(streaming.forwards[0]?.ports, [80]);
  await streaming.forwards[0]?.connect(80, new PassThrough(), t.signal);
  deepEqual(execs.calls, [["portForward", podSandboxId, 80]]);
  for (const port of [0, -1, 65_536]) {
    await rejects(client.call(runtime.portForward, { podSandboxId, port: [1, port] }), {
      details: `invalid port[1]: ${port} is not between 1 and 65535`,
    });
  }
  sandboxes.set({ ...sandboxRecord(podSandboxId), state: "notready" });
  await rejects(client.call(runtime.portForward, { podSandboxId }), {
    code: Code.FailedPrecondition,
    details: `sandbox "${podSandboxId}": not ready`,
  });
});
