import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { bridgePlugin, hostLocal } from "../support/network-config.ts";
import { startNode } from "../support/start-node.ts";

/** An interface as ip(8) prints it. */
interface Link {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local: string }[];
}

test("two pods have an address each and reach each other over the bridge", needsRoot, async (t) => {
  const node = await startNode(t);
  const [client, server] = await Promise.all([node.runPod({ name: "client" }), node.runPod({ name: "server" })]);

  const [from, to] = await Promise.all([client.address(), server.address()]);
  notEqual(from, to);
  for (const address of [from, to]) ok(address.startsWith(`${node.lane.prefix}.`), address);

  const { stdout } = await client.exec(["ping", "-c", "1", "-W", "5", to]);
  match(stdout, /1 received/);
});

test("a pod has lo and eth0, both up, each with its address, and nothing else", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();

  const links = JSON.parse((await pod.exec(["ip", "-json", "address"])).stdout) as readonly Link[];
  deepEqual(
    links.map(({ ifname, flags }) => [ifname, flags.includes("UP")]),
    [
      ["lo", true],
      ["eth0", true],
    ],
  );
  const [lo, eth0] = links.map(({ addr_info }) => addr_info.map(({ local }) => local));
  ok(lo?.includes("127.0.0.1"));
  ok(eth0?.includes(await pod.address()));
});

test("a stopped pod has given its address and its network namespace back, and stays listed", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();
  ok(existsSync(pod.netns));

  await pod.stop();
  await pod.stop();
  equal(existsSync(pod.netns), false);
  const { network } = await pod.status();
  equal(network?.ip ?? "", "");
  equal((await pod.info()).netNamespaceClosed, true);
  deepEqual([...(await node.list())], [[pod.id, "NOTREADY"]]);

  await pod.remove();
  await pod.remove();
  equal((await node.list()).size, 0);
});

test("a removed pod needs no stop before", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();
  await pod.remove();
  equal((await node.list()).size, 0);
  deepEqual(await node.leftovers(), []);
});

const noIpv6 = existsSync("/proc/sys/net/ipv6") ? needsRoot : { skip: "this kernel has no IPv6" };

test("a dual stack pod has an address of each family; the IPv4 one is first", noIpv6, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => {
      const ranges = [[{ subnet: `fd00:c4b:${lane.number + 1}::/64` }], [{ subnet: `${lane.prefix}.0/24` }]];
      return [bridgePlugin(lane, { ipam: { ...hostLocal(lane), ranges } })];
    },
  });
  const pod = await node.runPod();
  const { network } = await pod.status();
  ok(network?.ip.startsWith(`${node.lane.prefix}.`), network?.ip);
  deepEqual(
    network?.additionalIps.map(({ ip }) => ip.startsWith(`fd00:c4b:${node.lane.number + 1}::`)),
    [true],
  );
});

test("with ip_preference ipv6 the IPv6 address is first", noIpv6, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => {
      const ranges = [[{ subnet: `${lane.prefix}.0/24` }], [{ subnet: `fd00:c4b:${lane.number + 1}::/64` }]];
      return [bridgePlugin(lane, { ipam: { ...hostLocal(lane), ranges } })];
    },
    config: () => ({ cni: { ip_preference: "ipv6" } }),
  });
  const { network } = await (await node.runPod()).status();
  ok(network?.ip.includes(":"), network?.ip);
});

test("lo is brought up by the loopback plugin where that is configured", needsRoot, async (t) => {
  const node = await startNode(t, { config: () => ({ cni: { loopback: "plugin" } }) });
  const pod = await node.runPod();
  const [lo] = JSON.parse((await pod.exec(["ip", "-json", "address", "show", "lo"])).stdout) as readonly Link[];
  ok(lo?.flags.includes("UP"));
  match((await pod.exec(["ping", "-c", "1", "127.0.0.1"])).stdout, /1 received/);
});
