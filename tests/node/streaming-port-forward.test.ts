import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { connectPortForward, openPortForward } from "@crib/streaming";
import { openWebSocket } from "@crib/streaming/testing";
import { NamespaceMode } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import { startEchoServer } from "../support/containers/echo-server.ts";
import { portForwardChurn } from "../support/containers/port-forward-churn.ts";
import { portForwardUrl, sendOn } from "../support/containers/streaming-calls.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { securityContext } from "../support/pod-config.ts";

const MiB = 2 ** 20;

/** Sends all, half-closes, and gives what came back. */
async function exchange(connection: Duplex, data: Buffer | string): Promise<Buffer> {
  connection.end(data);
  return await buffer(connection);
}

test("ports of pods", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const pod = await node.runPod();
  const four = await startEchoServer(t, pod, "127.0.0.1");
  const six = await startEchoServer(t, pod, "::1");

  await t.test("are reached over IPv4 and IPv6, with half-closes", async () => {
    for (const port of [four, six]) {
      const connection = await connectPortForward(await portForwardUrl(node, pod), port, t.signal);
      equal((await exchange(connection, `hello ${port}`)).toString(), `hello ${port}`);
    }
  });

  await t.test("take 20 connections of one client side by side, 2 MiB each way", async () => {
    using client = await openPortForward(await portForwardUrl(node, pod), t.signal);
    const rounds = Array.from({ length: 20 }, async (_, index) => {
      const data = randomBytes(2 * MiB);
      const back = await exchange(await client.connect(index % 2 === 0 ? four : six), data);
      equal(digestOf(back), digestOf(data));
    });
    await Promise.all(rounds);
  });

  await t.test("at which nobody listens are told, and the next one works", async () => {
    using client = await openPortForward(await portForwardUrl(node, pod), t.signal);
    const refused = await client.connect(1);
    await rejects(buffer(refused), { code: Code.Unavailable, message: /forwarding port 1: .*(refused|ECONNREFUSED)/ });
    equal((await exchange(await client.connect(four), "still here")).toString(), "still here");
  });

  await t.test("are reached over WebSocket, in channels and in a tunnel", async () => {
    using client = await openWebSocket(await portForwardUrl(node, pod, four), "v4.channel.k8s.io");
    await sendOn(client, 0, "over channels");
    await eventually(10_000, () => match(client.channel(0).subarray(2).toString(), /^over channels$/));
    // The first bytes of both channels are the port.
    deepEqual([client.channel(0).readUInt16LE(0), client.channel(1).readUInt16LE(0)], [four, four]);
    using refused = await openWebSocket(await portForwardUrl(node, pod, 1), "v4.channel.k8s.io");
    await eventually(10_000, () => match(refused.channel(1).subarray(2).toString(), /refused/i));
  });

  await t.test("are the node's for pods in its network", async () => {
    const server = createServer((socket) => socket.end("from the node")).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => void server.close());
    const { port } = server.address() as { readonly port: number };
    const inNodesNetwork = securityContext({ network: NamespaceMode.NODE });
    const host = await node.runPod({
      change: (config) => ({ ...config, hostname: "", linux: { ...config.linux, securityContext: inNodesNetwork } }),
    });
    const own = await connectPortForward(await portForwardUrl(node, host), port, t.signal);
    equal((await exchange(own, "")).toString(), "from the node");
    // And never those of a pod that has a network of its own.
    const other = await connectPortForward(await portForwardUrl(node, pod), port, t.signal);
    await rejects(buffer(other), { code: Code.Unavailable });
    await host.remove();
  });

  await t.test("close with their pod, and are refused afterwards", async () => {
    const short = await node.runPod();
    await scene.runContainer(short, { script: "exec nc -ll -p 8080 -e cat" });
    const url = await portForwardUrl(node, short);
    using client = await openPortForward(url, t.signal);
    const connection = await eventually(10_000, async () => {
      const tried = await client.connect(8080);
      tried.write("x");
      await once(tried, "data");
      return tried;
    });
    const unused = await portForwardUrl(node, short);
    const closed = Promise.race([once(connection, "end"), once(connection, "close"), once(connection, "error")]);
    await short.stop();
    await closed;
    await rejects(portForwardUrl(node, short), { code: Code.FailedPrecondition });
    await rejects(buffer(await connectPortForward(unused, 8080, t.signal)), /it is/);
    await short.remove();
    await rejects(portForwardUrl(node, short), { code: Code.NotFound });
  });

  await t.test("are left by 300 clients without a trace", async (t) => {
    const container = await scene.runContainer(pod);
    const told = await portForwardChurn(node, container, { echoPort: four, count: 300, signal: t.signal });
    t.diagnostic(JSON.stringify(told));
  });

  await t.test("that are none are refused", async () => {
    for (const port of [0, -1, 65_536]) await rejects(portForwardUrl(node, pod, port), { code: Code.InvalidArgument });
    const url = await portForwardUrl(node, pod, four);
    ok(/\/portforward\/[\w-]{22}$/.test(url), url);
  });
});

function digestOf(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
