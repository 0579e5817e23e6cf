import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { openWebSocket } from "@crib/streaming/testing";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { attachUrl, channels, runOverSpdy, sendOn, untilSaid } from "../support/containers/streaming-calls.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Repeats what it reads, and says so when there is no more. */
const echo = 'while read -r line; do echo "got $line"; echo "err $line" >&2; done; echo "no more"; exec sleep 600';

const withStdin =
  (more: Partial<ContainerConfig> = {}) =>
  (config: ContainerConfig) => ({
    ...config,
    stdin: true,
    ...more,
  });

test("clients of a container's own process", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const pod = await node.runPod();

  await t.test("those that come before the start miss nothing, and end with one that cannot start", async () => {
    for (const [script, said] of [
      ["echo first; echo last", "first\nlast\n"],
      ["exit 3", ""],
    ] as const) {
      const container = await scene.createContainer(pod, { script });
      const [stdout, opened] = [new PassThrough(), Promise.withResolvers<void>()];
      const text = textOf(stdout);
      const client = runOverSpdy(await attachUrl(node, container), { stdout, onOpen: opened.resolve }, t.signal);
      await opened.promise;
      await container.start();
      await client;
      equal(text(), said);
      await container.ended();
      await rejects(attachUrl(node, container), { code: Code.FailedPrecondition });
      await container.remove();
    }
    const container = await scene.createContainer(pod, {
      change: (config) => ({ ...config, command: ["/there/is/no/such"], args: [] }),
    });
    const [stdout, opened] = [new PassThrough(), Promise.withResolvers<void>()];
    const client = runOverSpdy(await attachUrl(node, container), { stdout, onOpen: opened.resolve }, t.signal);
    await opened.promise;
    await rejects(container.start());
    await client.catch(() => {}); // it ends, however
    await container.remove();
  });

  await t.test("several at once all get the output, and the log has it once", async () => {
    const container = await scene.runContainer(pod, { script: echo, change: withStdin() });
    const leaving = new AbortController();
    const inputs = [new PassThrough(), new PassThrough()] as const;
    const outputs = [new PassThrough(), new PassThrough(), new PassThrough()] as const;
    const opened: Promise<void>[] = [];
    const join = async (stdout: PassThrough, stdin?: PassThrough): Promise<unknown> => {
      const { promise, resolve } = Promise.withResolvers<void>();
      opened.push(promise);
      const url = await attachUrl(node, container, { stdin: stdin !== undefined });
      const input = { stdout, onOpen: resolve, ...(stdin && { stdin }) };
      return await runOverSpdy(url, input, leaving.signal).catch((reason: unknown) => reason);
    };
    const clients = [join(outputs[0], inputs[0]), join(outputs[1], inputs[1]), join(outputs[2])];
    using other = await openWebSocket(await attachUrl(node, container), "v5.channel.k8s.io");
    await Promise.all(opened);
    const texts = [...outputs.map(textOf), () => other.channel(channels.stdout).toString()];
    // A client is joined a moment after its streams are there, and misses what is said before.
    let hellos = 0;
    await eventually(10_000, () => {
      inputs[0].write("hello\n");
      hellos++;
      for (const text of texts) match(text(), /got hello\n/);
    });
    inputs[0].write("first\n");
    await eventually(10_000, async () => match(JSON.stringify(await container.log()), /got first/));
    inputs[1].write("second\n");
    await eventually(10_000, () => {
      for (const text of texts) match(text(), /^(got hello\n)+got first\ngot second\n$/);
      match(other.channel(channels.stderr).toString(), /^(err hello\n)+err first\nerr second\n$/);
    });
    leaving.abort();
    await Promise.all(clients);
    other.socket.terminate();
    // Without clients it goes on.
    const last = new PassThrough();
    const stdin = new PassThrough();
    const end = new AbortController();
    const url = await attachUrl(node, container, { stdin: true });
    const late = runOverSpdy(url, { stdin, stdout: last }, end.signal);
    late.catch(() => {});
    stdin.write("third\n");
    await untilSaid(last, "got third\n");
    end.abort();
    await rejects(late, { code: Code.Canceled });
    await eventually(10_000, async () => {
      const lines = (await container.log()).filter(({ stream }) => stream === "stdout").map(({ text }) => text);
      deepEqual(lines, [...Array.from({ length: hellos }, () => "got hello"), "got first", "got second", "got third"]);
    });
    await container.remove();
  });

  await t.test("that end the input end it for a container that takes it once, and for no other", async () => {
    for (const stdinOnce of [true, false]) {
      const container = await scene.runContainer(pod, { script: echo, change: withStdin({ stdinOnce }) });
      const stdout = new PassThrough();
      const url = await attachUrl(node, container, { stdin: true });
      const leaving = new AbortController();
      const over = runOverSpdy(url, { stdin: "only\n", stdout }, leaving.signal);
      over.catch(() => {});
      const said = await untilSaid(stdout, stdinOnce ? "no more\n" : "got only\n");
      match(said, /^got only\n/);
      if (!stdinOnce) {
        const again = new PassThrough();
        const url = await attachUrl(node, container, { stdin: true });
        const second = runOverSpdy(url, { stdin: "again\n", stdout: again }, leaving.signal);
        second.catch(() => {});
        equal(await untilSaid(again, "got again\n"), "got again\n");
        const lines = (await container.log()).map(({ text }) => text);
        equal(lines.includes("no more"), false);
      }
      leaving.abort();
      await container.stop(0);
      await container.remove();
    }
  });

  await t.test("get all output and then the end when the container ends", async () => {
    const script = "read -r go; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo line $i; done; exit 3";
    const container = await scene.runContainer(pod, { script, change: withStdin() });
    const { stdout } = await runOverSpdy(
      await attachUrl(node, container, { stdin: true }),
      { stdin: "go\n" },
      t.signal,
    );
    deepEqual(
      stdout.split("\n").slice(0, -1),
      Array.from({ length: 5_000 }, (_, index) => `line ${index + 1}`),
    );
    equal((await container.ended()).exitCode, 3);
    await rejects(attachUrl(node, container), { code: Code.FailedPrecondition });
    await container.remove();
  });

  await t.test("have a terminal where the container has one", async () => {
    const script = "while read -r line; do stty size; done";
    const container = await scene.runContainer(pod, { script, change: withStdin({ tty: true }) });
    using client = await openWebSocket(
      await attachUrl(node, container, { stdin: true, tty: true }),
      "v5.channel.k8s.io",
    );
    await sendOn(client, channels.resize, '{"Width":93,"Height":27}');
    await eventually(10_000, async () => {
      await sendOn(client, channels.stdin, "x\n");
      match(client.channel(channels.stdout).toString(), /27 93\r\n/);
    });
    await container.stop(0);
    await client.closed;
    await container.remove();
  });

  await t.test("that do not read hold up neither the container nor its other clients", async () => {
    const script = "read -r go; i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo $i; done; echo over; exec sleep 600";
    const container = await scene.runContainer(pod, { script, change: withStdin() });
    const deaf = await openWebSocket(await attachUrl(node, container), "v5.channel.k8s.io");
    deaf.socket.pause();
    const leaving = new AbortController();
    const stdout = new PassThrough();
    const url = await attachUrl(node, container, { stdin: true });
    const over = runOverSpdy(url, { stdin: "go\n", stdout }, leaving.signal);
    over.catch(() => {});
    await untilSaid(stdout, "over\n");
    await eventually(20_000, async () => equal((await container.log()).at(-1)?.text, "over"));
    leaving.abort();
    deaf.socket.terminate();
    await container.stop(0);
    await container.remove();
  });
});

/** What a stream has said so far. */
function textOf(stream: PassThrough): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return () => text;
}
