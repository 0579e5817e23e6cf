import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";

import { runOverChannels } from "../support/containers/channel-session.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { runOverSpdyStreams } from "../support/containers/spdy-session.ts";
import { execUrl, exitCodeOf } from "../support/containers/streaming-calls.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Protocols of WebSocket clients; the empty name is for those that ask for none. */
const webSocketProtocols = [
  "",
  "channel.k8s.io",
  "base64.channel.k8s.io",
  "v4.channel.k8s.io",
  "v4.base64.channel.k8s.io",
  "v5.channel.k8s.io",
];

/** Versions of SPDY clients; the empty name is for those that ask for none, which are the first. */
const spdyProtocols = ["", "channel.k8s.io", "v2.channel.k8s.io", "v3.channel.k8s.io", "v4.channel.k8s.io"];

const nameOf = (protocol: string): string => protocol || "no protocol at all";
const isBefore = (protocol: string, version: number): boolean => Number(/^v(\d)/.exec(protocol)?.[1] ?? 1) < version;

/** Fails unless an end is told as the protocol has it: as a Status from version 4 on, before in words, and success in none. */
function expectEnd(protocol: string, told: string, exitCode: number): void {
  if (!isBefore(protocol, 4)) equal(exitCodeOf(told), exitCode);
  else if (exitCode === 0) equal(told, "");
  else equal(told, `command terminated with non-zero exit code: exit status ${exitCode}`);
}

/** Fails unless a command that could not be started is told as the protocol has it. */
function expectFailure(protocol: string, told: string): void {
  match(told, /no\/such\/program/);
  if (isBefore(protocol, 4)) match(told, /^[^{]/);
  else {
    const { status, reason } = JSON.parse(told) as { readonly status: string; readonly reason: string };
    deepEqual([status, reason], ["Failure", "InternalError"]);
  }
}

const talk = 'read -r line; echo "$line"; echo err >&2; exit $0';
const resized = 'until stty size | grep -q "31 101"; do sleep 0.02; done; echo resized';
const size = '{"Width":101,"Height":31}\n';

test("commands with a client of each version of the protocol", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const container = await scene.runContainer(await node.runPod());
  const talking = (exitCode: number): Promise<string> =>
    execUrl(node, container, ["sh", "-c", talk, `${exitCode}`], { stdin: true });
  const resizing = (): Promise<string> =>
    execUrl(node, container, ["sh", "-c", resized], { tty: true, stdin: true, stderr: false });

  for (const name of webSocketProtocols) {
    const protocols = name === "" ? [] : [name];
    await t.test(`over WebSocket with ${nameOf(name)}`, async () => {
      for (const exitCode of [0, 3]) {
        const { error, ...said } = await runOverChannels(await talking(exitCode), { protocols, stdin: "hällo\n" });
        const isText = name.includes("base64");
        deepEqual(said, { protocol: name, stdout: "hällo\n", stderr: "err\n", isText });
        expectEnd(name, error, exitCode);
      }
      const missing = await execUrl(node, container, ["/no/such/program"]);
      expectFailure(name, (await runOverChannels(missing, { protocols })).error);
      match((await runOverChannels(await resizing(), { protocols, resize: size })).stdout, /resized\r\n$/);
    });
  }

  for (const name of spdyProtocols) {
    const protocols = name === "" ? [] : [name];
    await t.test(`over SPDY with ${nameOf(name)}`, async () => {
      for (const exitCode of [0, 3]) {
        const { error, ...said } = await runOverSpdyStreams(await talking(exitCode), { protocols, stdin: "hällo\n" });
        // The first version ends the client's stdin to say that it is connected, and still takes what comes on it.
        const stdinEndedFirst = isBefore(name, 2);
        deepEqual(said, { protocol: protocols[0], stdout: "hällo\n", stderr: "err\n", stdinEndedFirst });
        expectEnd(name, error, exitCode);
      }
      const missing = await execUrl(node, container, ["/no/such/program"]);
      expectFailure(name, (await runOverSpdyStreams(missing, { protocols })).error);
      // Before the third there is no stream of sizes, and none is waited for.
      const asked = isBefore(name, 3)
        ? await execUrl(node, container, ["sh", "-c", "test -t 1 && echo resized"], { tty: true })
        : await resizing();
      const input = isBefore(name, 3) ? {} : { stdin: "", resize: size };
      match((await runOverSpdyStreams(asked, { protocols, tty: true, ...input })).stdout, /resized\r\n$/);
    });
  }

  await t.test(
    "the first that the client names and crib knows is spoken; without one the client is refused",
    async () => {
      const url = (): Promise<string> => execUrl(node, container, ["true"]);
      const chosen = await runOverChannels(await url(), {
        protocols: ["v9.channel.k8s.io", ...webSocketProtocols.slice(3)],
      });
      equal(chosen.protocol, "v4.channel.k8s.io");
      const offered = ["v9.channel.k8s.io", ...spdyProtocols.slice(3)];
      equal((await runOverSpdyStreams(await url(), { protocols: offered })).protocol, "v3.channel.k8s.io");
      // There are no second and third over WebSocket.
      for (const unknown of ["v2.channel.k8s.io", "v3.channel.k8s.io", "v9.channel.k8s.io"])
        await rejects(runOverChannels(await url(), { protocols: [unknown] }), /400/);
      await rejects(
        runOverSpdyStreams(await url(), { protocols: ["v9.channel.k8s.io"] }),
        /403.*v4\.channel\.k8s\.io,v3/s,
      );
    },
  );
});
