import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { bridgePlugin, hostLocal, networkList } from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

async function networkReady(node: Node): Promise<{ readonly ready: boolean; readonly message: string }> {
  const { status } = await node.cri.runtime.status({});
  const condition = status?.conditions.find(({ type }) => type === "NetworkReady");
  return { ready: condition?.status ?? false, message: `${condition?.reason} ${condition?.message}` };
}

test("a node without a CNI configuration", needsRoot, async (t) => {
  const node = await startNode(t, { plugins: () => [] });
  const file = join(node.cniConfDir, "10-pods.conflist");

  await t.test("says so, naming the directory, and is otherwise ready", async () => {
    const { ready, message } = await networkReady(node);
    equal(ready, false);
    ok(message.includes("NetworkPluginNotReady") && message.includes(node.cniConfDir), message);
  });

  await t.test("refuses pods with that reason, and keeps nothing of them", async () => {
    await rejects(node.runPod(), (reason: StatusError) => {
      equal(reason.code, Code.Unavailable);
      ok(reason.message.includes(node.cniConfDir), reason.message);
      return true;
    });
    deepEqual(await node.leftovers(), []);
  });

  await t.test("runs pods in the host's network", async () => {
    const pod = await node.runPod({
      change: (config) => ({
        ...config,
        linux: { ...config.linux, securityContext: { namespaceOptions: { network: 2, pid: 1 } } },
      }),
    });
    await pod.remove();
  });

  await t.test("names a file that is broken, with what is wrong", async () => {
    writeFileSync(file, '{"cniVersion": "1.0.0", "name": "half');
    await eventually(10_000, async () => {
      const { ready, message } = await networkReady(node);
      equal(ready, false);
      ok(message.includes("10-pods.conflist"), message);
    });
  });

  await t.test("is ready as soon as there is a good one", async () => {
    writeFileSync(`${file}.new`, networkList(node.lane, [bridgePlugin(node.lane)]));
    renameSync(`${file}.new`, file);
    await eventually(10_000, async () => equal((await networkReady(node)).ready, true));
    const pod = await node.runPod();
    ok((await pod.address()).startsWith(node.lane.prefix));
  });

  await t.test("keeps the last good configuration when it becomes broken, and says so", async () => {
    writeFileSync(file, "{}");
    await eventually(10_000, async () => match((await networkReady(node)).message, /10-pods.conflist/));
    equal((await networkReady(node)).ready, true);
    const pod = await node.runPod();
    ok((await pod.address()).startsWith(node.lane.prefix));
  });

  await t.test(
    "takes pods down by the configuration they were made with, when file and plugin settings are others",
    async () => {
      rmSync(file);
      await node.removeAllPods();
      deepEqual(await node.leftovers(), []);
    },
  );
});

test("a pod with several networks has one interface of each, the first being its own", needsRoot, async (t) => {
  const node = await startNode(t, { plugins: () => [], config: () => ({ cni: { max_conf_num: 0 } }) });
  const { lane } = node;
  const second = bridgePlugin(lane, { isGateway: false, ipMasq: false, ipam: { ...hostLocal(lane), routes: [] } });
  writeFileSync(join(node.cniConfDir, "10-a.conflist"), networkList(lane, [bridgePlugin(lane)]));
  writeFileSync(
    join(node.cniConfDir, "20-b.conf"),
    JSON.stringify({ cniVersion: "0.4.0", name: `${lane.bridge}-b`, ...second }),
  );
  writeFileSync(
    join(node.cniConfDir, "30-c.json"),
    JSON.stringify({
      cniVersion: "0.3.1",
      name: `${lane.bridge}-c`,
      ...bridgePlugin(lane, { isGateway: false, ipMasq: false, ipam: {} }),
    }),
  );
  await node.restart();

  const pod = await node.runPod();
  const names = JSON.parse((await pod.exec(["ip", "-json", "link"])).stdout) as readonly { readonly ifname: string }[];
  deepEqual(
    names.map(({ ifname }) => ifname),
    ["lo", "eth0", "eth1", "eth2"],
  );
  const { network } = await pod.status();
  ok(network?.ip.startsWith(lane.prefix));
  equal((await pod.info()).cniResult.length, 3);
  await pod.remove();
  deepEqual(await node.leftovers(), []);
});

test("a handler may have networks of its own", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: (lane) => {
      const dir = join(lane.dir, "other.d");
      mkdirSync(dir, { recursive: true });
      return { runtimes: { other: { cni_conf_dir: dir } } };
    },
  });
  const dir = join(node.lane.dir, "other.d");
  await rejects(node.runPod({ handler: "other" }), (reason: Error) => reason.message.includes(dir));
  const subnet = `${node.lane.prefix}.128/25`;
  writeFileSync(
    join(dir, "10-other.conflist"),
    networkList(node.lane, [bridgePlugin(node.lane, { ipam: hostLocal(node.lane, subnet) })]).replace(
      `"name":"${node.lane.bridge}"`,
      `"name":"${node.lane.bridge}-other"`,
    ),
  );
  const pod = await eventually(10_000, () => node.runPod({ handler: "other" }));
  ok(Number((await pod.address()).split(".")[3]) >= 128, await pod.address());
});
