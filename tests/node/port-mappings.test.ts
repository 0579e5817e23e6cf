import { deepEqual, equal, match } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { test, type TestContext } from "node:test";

import { Protocol } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import type { Pod } from "../support/pod.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

/** Answers every connection with one word, inside a pod's network namespace. */
async function serveInside(t: TestContext, pod: Pod, port: number, word: string): Promise<void> {
  const script = `require("net").createServer((s) => s.end("${word}")).listen(${port}, "0.0.0.0", () => console.log("up"))`;
  const server: ChildProcess = spawn("nsenter", [`--net=${pod.netns}`, "--", process.execPath, "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => server.kill("SIGKILL"));
  await new Promise((resolve) => server.stdout?.once("data", resolve));
}

/** Milliseconds that a client waits for what should answer, on a busy machine, and for what should not. */
const [answerMs, silenceMs] = [30_000, 2_000];

/** What a server says to a client in a network namespace made for this, or in that of the host. */
async function askFrom(netns: string | undefined, address: string, port: number, withinMs = answerMs): Promise<string> {
  const script = `require("net").connect(${port}, "${address}").setTimeout(${withinMs}, function () { this.destroy(); }).on("error", () => {}).pipe(process.stdout)`;
  const ask = [process.execPath, "-e", script] as const;
  const argv = netns === undefined ? ask : (["nsenter", `--net=${netns}`, "--", ...ask] as const);
  return (await runProgram(argv, { mayFail: true })).stdout;
}

function runWithPort(node: Node, hostPort: number, hostIp = ""): Promise<Pod> {
  return node.runPod({
    change: (config) => ({
      ...config,
      portMappings: [{ protocol: Protocol.TCP, containerPort: 80, hostPort, hostIp }],
    }),
  });
}

test("port mappings", needsRoot, async (t) => {
  const node = await startNode(t);
  // A port range of the lane's own, so that other tests at the same time do not meet it.
  const port = 20_000 + node.lane.number * 10;
  const gateway = `${node.lane.prefix}.1`;

  await t.test("a port of the host leads to the pod, from the host and from another pod", async (t) => {
    const [server, client] = await Promise.all([runWithPort(node, port), node.runPod()]);
    await serveInside(t, server, 80, "hello");
    equal(await askFrom(undefined, "127.0.0.1", port), "hello");
    equal(await askFrom(client.netns, gateway, port), "hello");

    await server.stop();
    equal(await askFrom(client.netns, gateway, port, silenceMs), "", "it leads nowhere when the pod is stopped");
  });

  await t.test("with a host address it answers there only", async (t) => {
    const server = await runWithPort(node, port + 1, "127.0.0.1");
    const client = await node.runPod();
    await serveInside(t, server, 80, "local");
    equal(await askFrom(undefined, "127.0.0.1", port + 1), "local");
    equal(await askFrom(client.netns, gateway, port + 1, silenceMs), "");
  });

  await t.test("after a crash the mapping is still there, and goes with the pod", async (t) => {
    const server = await runWithPort(node, port + 2);
    await serveInside(t, server, 80, "kept");
    await node.restart();
    equal(await askFrom(undefined, "127.0.0.1", port + 2), "kept");
    await server.remove();
    equal(await askFrom(undefined, "127.0.0.1", port + 2, silenceMs), "");
    const { stdout } = await runProgram(["iptables-save", "-t", "nat"]);
    equal(stdout.includes(`--dport ${port + 2} `), false);
  });

  await t.test("port 0 maps nothing, a port out of range is refused", async () => {
    const pod = await runWithPort(node, 0);
    equal((await node.list()).get(pod.id), "READY");
    for (const hostPort of [-1, 65_536]) {
      const message = await runWithPort(node, hostPort).then(
        () => "",
        (reason: Error) => reason.message,
      );
      match(message, /port_mappings/);
    }
  });

  await eventually(10_000, async () => {
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
  });
});
