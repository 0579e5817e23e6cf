import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot } from "../support/needs-root.ts";
import { hostLocal, type Json } from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import type { Pod } from "../support/pod.ts";
import { startNode } from "../support/start-node.ts";

const annotation = "dev.crib/networks";

/** A node whose pods get its bridge, and may choose between `front` and `back`, which are pairs of interfaces with a subnet each. */
async function startTwoNetworks(t: TestContext): Promise<Node> {
  const node = await startNode(t, {
    config: () => ({ runtimes: { runc: {}, choice: { networks: ["front", "back", "absent"] } } }),
  });
  const { lane } = node;
  const write = (name: string, subnet: string): void => {
    const plugin: Json = { type: "ptp", ipam: hostLocal(lane, subnet) };
    const list = { cniVersion: "1.0.0", name, plugins: [plugin] };
    writeFileSync(join(node.cniConfDir, `50-${name}.conflist`), JSON.stringify(list));
  };
  write("front", `10.201.${lane.number}.0/25`);
  write("back", `10.201.${lane.number}.128/25`);
  await node.restart();
  return node;
}

function runWith(node: Node, value: string | undefined, handler = "choice", key = annotation): Promise<Pod> {
  return node.runPod({
    handler,
    change: (config) => ({
      ...config,
      annotations: { ...config.annotations, ...(value !== undefined && { [key]: value }) },
    }),
  });
}

async function interfacesOf(pod: Pod): Promise<readonly string[]> {
  const links = JSON.parse((await pod.exec(["ip", "-json", "link"])).stdout) as readonly { readonly ifname: string }[];
  return links.map(({ ifname }) => ifname);
}

test("a pod chooses among the networks that its handler allows", needsRoot, async (t) => {
  const node = await startTwoNetworks(t);
  const lastByte = (address: string): number => Number(address.split(".")[3]);

  await t.test("without the annotation it gets what every pod gets", async () => {
    const pod = await runWith(node, undefined);
    deepEqual(await interfacesOf(pod), ["lo", "eth0"]);
    ok((await pod.address()).startsWith(`${node.lane.prefix}.`));
    await pod.remove();
  });

  await t.test("the first gives the pod its address, and all results are shown", async () => {
    const pod = await runWith(node, "back@net5,front");
    deepEqual((await interfacesOf(pod)).toSorted(), ["eth1", "lo", "net5"]);
    const { network } = await pod.status();
    ok(lastByte(network?.ip ?? "") > 128, network?.ip);
    deepEqual(network?.additionalIps, [], "Kubernetes takes those for the other family of the same network");
    const { networks, networkReady } = await pod.info();
    equal(networkReady, true);
    deepEqual(
      networks.map(({ name, interface: ifName }) => [name, ifName]),
      [
        ["back", "net5"],
        ["front", "eth1"],
      ],
    );
    match(JSON.stringify(networks[1]?.result), new RegExp(`10\\.201\\.${node.lane.number}\\.`));
    // The configuration that it was attached with is the one that it is detached with.
    rmSync(join(node.cniConfDir, "50-front.conflist"));
    await node.restart();
    await pod.stop();
    equal((await pod.info()).networkReady, false);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
  });

  await t.test("iSulad's annotation adds to what every pod gets", async () => {
    const pod = await runWith(
      node,
      '[{"name":"back","interface":"data0"}]',
      "choice",
      "network.alpha.kubernetes.io/network",
    );
    deepEqual((await interfacesOf(pod)).toSorted(), ["data0", "eth0", "lo"]);
    ok((await pod.address()).startsWith(`${node.lane.prefix}.`));
    await pod.remove();
  });

  await t.test("what the handler does not allow, or what is not there, makes no pod", async () => {
    const invalid = { code: Code.InvalidArgument };
    await rejects(runWith(node, "front", "runc"), { ...invalid, message: /lets pods choose none/ });
    await rejects(runWith(node, "other"), {
      ...invalid,
      message: /"other".*lets pods choose "front", "back", "absent"/,
    });
    await rejects(runWith(node, "back,back@eth0"), invalid);
    await rejects(runWith(node, "absent"), { code: Code.Unavailable, message: /"absent".*no CNI configuration in/ });
    equal((await node.list()).size, 0);
    deepEqual(await node.leftovers(), []);
  });
});
