import { equal, match, notEqual, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

test("two pods have an address each and reach each other over the bridge", needsRoot, async (t) => {
  const node = await startNode(t);
  const [client, server] = await Promise.all([node.runPod({ name: "client" }), node.runPod({ name: "server" })]);

  const [from, to] = await Promise.all([client.address(), server.address()]);
  notEqual(from, to);
  for (const address of [from, to]) ok(address.startsWith(`${node.lane.prefix}.`), address);

  const { stdout } = await client.exec(["ping", "-c", "1", "-W", "5", to]);
  match(stdout, /1 received/);
});

test("a pod has eth0 with its address and lo, both up, and nothing else", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();

  const links = JSON.parse((await pod.exec(["ip", "-json", "address"])).stdout) as readonly {
    readonly ifname: string;
    readonly flags: readonly string[];
    readonly addr_info: readonly { readonly local: string }[];
  }[];
  equal(links.map(({ ifname }) => ifname).join(" "), "lo eth0");
  for (const { ifname, flags } of links) ok(flags.includes("UP"), `${ifname} is not up`);
  ok(links[0]?.addr_info.some(({ local }) => local === "127.0.0.1"));
  ok(links[1]?.addr_info.some(({ local }) => local === node.lane.prefix + local.slice(node.lane.prefix.length)));
  equal(links[1]?.addr_info.find(({ local }) => local.startsWith("10."))?.local, await pod.address());
});

test("a stopped pod has given its address and its network namespace back, and stays stopped", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();
  ok(existsSync(pod.netns));

  await pod.stop();
  await pod.stop();
  equal(existsSync(pod.netns), false);
  const { state, network } = await pod.status();
  equal(state, 1, "NOTREADY");
  equal(network?.ip ?? "", "");
  equal((await pod.info()).netNamespaceClosed, true);

  await pod.remove();
  await pod.remove();
  equal((await node.list()).size, 0);
});
