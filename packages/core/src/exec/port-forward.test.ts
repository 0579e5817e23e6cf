import { equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import { pinNamespaces, unpinNamespace, withNetns } from "@crib/linux";

import type { SandboxRecord } from "../sandbox/types.ts";
import { createExecs } from "./create-execs.ts";
import { eventually } from "./testing/text.ts";
import type { Execs } from "./types.ts";

const needsRoot = { skip: process.getuid?.() === 0 ? false : "needs root", timeout: 120_000 };
const never = new AbortController().signal;

function netns(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "crib-forward-"));
  const net = join(dir, "net");
  pinNamespaces({ net, loopbackUp: true });
  t.after(async () => {
    await unpinNamespace(net);
    rmSync(dir, { recursive: true });
  });
  return net;
}

/** A server inside. Half-open: it may answer after the client has ended. */
async function serve(
  t: TestContext,
  net: string,
  ipv6Only: boolean,
  answer: (socket: Socket) => void,
): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, answer);
  t.after(() => server.close());
  // Without a host name, listen makes its socket at once.
  withNetns(net, () => void server.listen({ port: 0, ipv6Only }));
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

function execsOf(change: { state?: string; hostNetwork?: boolean; net?: string }): Execs {
  const { state = "ready", hostNetwork = false, net } = change;
  const namespaces = net === undefined ? {} : { net };
  const record = { id: "pod", state, plan: { hostNetwork, namespaces }, facts: {} } as unknown as SandboxRecord;
  const none = (): never => {
    throw new Error("not asked for");
  };
  return createExecs({
    containers: { get: none },
    sandboxes: { get: () => record },
    taskServices: { of: none },
    stdio: { find: none },
    log: none,
  });
}

/** The client's end, and what it is joined by. */
function pair(): [client: Duplex, stream: Duplex] {
  const halves: Duplex[] = [];
  const half = (index: number): Duplex =>
    new Duplex({
      allowHalfOpen: true,
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        halves[1 - index]?.push(chunk);
        done();
      },
      final: (done) => {
        halves[1 - index]?.push(null);
        done();
      },
    });
  halves.push(half(0), half(1));
  return [halves[0] as Duplex, halves[1] as Duplex];
}

async function read(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("both directions are copied whole, each with its own end", needsRoot, async (t) => {
  const net = netns(t);
  const bytes = Buffer.alloc(3_000_000, "abcdefghij");
  // It answers only when it has seen the client's end.
  const port = await serve(t, net, false, (socket) => {
    const got: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    socket.on("end", () => socket.end(Buffer.concat(got)));
  });
  const before = readdirSync("/proc/self/fd").length;
  const [client, stream] = pair();
  const joined = execsOf({ net }).portForward("pod", port, stream, never);
  client.end(bytes);
  equal(Buffer.compare(await read(client), bytes), 0);
  await joined;
  await eventually("the descriptors are closed", () => readdirSync("/proc/self/fd").length <= before);
});

test("a server that listens over IPv6 only is reached", needsRoot, async (t) => {
  const net = netns(t);
  const port = await serve(t, net, true, (socket) => socket.end("six"));
  const [client, stream] = pair();
  const joined = execsOf({ net }).portForward("pod", port, stream, never);
  client.end();
  equal((await read(client)).toString(), "six");
  await joined;
});

test(
  "an end that the other side does not answer is waited for a second without a byte, not longer",
  needsRoot,
  async (t) => {
    const net = netns(t);
    const port = await serve(t, net, false, (socket) => {
      let count = 0;
      const timer = setInterval(() => {
        if (count++ < 12) socket.write("."); // slower than a second in all, and then silent for good
        else clearInterval(timer);
      }, 100);
      socket.on("error", () => undefined);
    });
    const [client, stream] = pair();
    const begun = performance.now();
    const joined = execsOf({ net }).portForward("pod", port, stream, never);
    const got: Buffer[] = [];
    client.on("data", (chunk: Buffer) => got.push(chunk));
    client.end();
    await joined;
    equal(Buffer.concat(got).toString(), ".".repeat(12));
    const took = performance.now() - begun;
    ok(took > 2_000 && took < 60_000, `${took} ms`);
  },
);

test("a host network pod's ports are the host's", needsRoot, async (t) => {
  const server = createServer((socket) => socket.end("host"));
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const [client, stream] = pair();
  const joined = execsOf({ hostNetwork: true }).portForward(
    "pod",
    (server.address() as AddressInfo).port,
    stream,
    never,
  );
  client.end();
  equal((await read(client)).toString(), "host");
  await joined;
});

test("a client that leaves, or an abort, ends the connection inside", needsRoot, async (t) => {
  const net = netns(t);
  const closed: string[] = [];
  let accepted = 0;
  const port = await serve(t, net, false, (socket) => {
    accepted += 1;
    socket.on("error", () => undefined);
    socket.on("data", () => undefined);
    socket.once("close", () => closed.push("closed"));
    socket.once("end", () => socket.end());
  });
  const leaving = new AbortController();
  const [first, stream] = pair();
  const [, other] = pair();
  const joined = [
    execsOf({ net }).portForward("pod", port, stream, never),
    execsOf({ net }).portForward("pod", port, other, leaving.signal),
  ];
  first.write("x");
  await eventually("both are there", () => accepted === 2);
  stream.destroy();
  leaving.abort();
  await Promise.all(joined);
  await eventually("both are closed", () => closed.length === 2);
});

test("nobody listening, a closed namespace and a pod that is not ready are errors", needsRoot, async (t) => {
  const net = netns(t);
  const forward = (execs: Execs): Promise<void> => execs.portForward("pod", 9, pair()[1], never);
  await rejects(forward(execsOf({ net })), { code: Code.Unavailable });
  await rejects(forward(execsOf({ net: `${net}-gone` })), { code: Code.NotFound });
  await rejects(forward(execsOf({})), { code: Code.FailedPrecondition });
  await rejects(forward(execsOf({ net, state: "notready" })), {
    code: Code.FailedPrecondition,
    message: /"pod".*notready/,
  });
});
