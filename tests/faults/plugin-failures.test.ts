import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import type { StatusError } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import type { Lane } from "../support/lane.ts";
import { needsRoot } from "../support/needs-root.ts";
import {
  bridgePlugin,
  hostLocal,
  type Json,
  networkList,
  pluginNotesDir,
  portmapPlugin,
} from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";
import { pluginDirs } from "../support/write-node-config.ts";

/** Lets a node have these plugins from now on. */
async function configure(node: Node, plugins: (lane: Lane) => readonly Json[]): Promise<void> {
  const wanted = plugins(node.lane);
  writeFileSync(join(node.cniConfDir, "10-pods.conflist"), networkList(node.lane, wanted));
  await eventually(10_000, async () => {
    const { info } = await node.cri.runtime.status({ verbose: true });
    equal(info["lastCNILoadStatus"], "OK");
    ok(info["cniconfig"]?.includes(JSON.stringify(wanted)), "not loaded yet");
  });
}

/** A pod must fail for this reason, leave nothing, and its request must succeed once the plugins are good. */
async function failsAndRecovers(node: Node, reason: RegExp, plugins: (lane: Lane) => readonly Json[]): Promise<void> {
  const config = node.podConfig();
  await configure(node, plugins);
  await rejects(node.cri.runtime.runPodSandbox({ config }), (error: StatusError) => {
    match(error.message, reason);
    return true;
  });
  deepEqual([...(await node.list()).keys()], []);
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
  await configure(node, (lane) => [bridgePlugin(lane), portmapPlugin]);
  const pod = node.pod((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, config);
  await pod.address();
  await pod.remove();
  deepEqual(await node.leftovers(), []);
}

test("plugins that go wrong at ADD", needsRoot, async (t) => {
  const node = await startNode(t, { config: () => ({ flow: { budgets: { "network.attach": "10s" } } }) });
  const notes = pluginNotesDir(node.lane);
  const printing = (name: string, text: string | Buffer): Json => {
    const printFile = join(notes, name);
    writeFileSync(printFile, text);
    return { type: "prints", printFile };
  };
  const result = (more: Json): string =>
    JSON.stringify({
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: "/x" }],
      ips: [{ address: "10.1.2.3/24", interface: 0 }],
      ...more,
    });

  const cases: readonly (readonly [name: string, reason: RegExp, plugins: (lane: Lane) => readonly Json[]])[] = [
    [
      "the first of the chain fails",
      /this plugin fails.*from fails|this plugin fails/s,
      () => [{ type: "fails", failVerb: "ADD" }],
    ],
    [
      "the second of three fails",
      /this plugin fails/,
      (lane) => [bridgePlugin(lane), { type: "fails", failVerb: "ADD" }, portmapPlugin],
    ],
    [
      "the last fails, after an address and an interface were made",
      /this plugin fails/,
      (lane) => [bridgePlugin(lane), portmapPlugin, { type: "fails", failVerb: "ADD" }],
    ],
    [
      "it hangs, with a child, ignoring SIGTERM",
      /budget of 10000 ms|killed/,
      () => [{ type: "hangs", hangVerb: "ADD", notes }],
    ],
    [
      "it hangs after the bridge was attached",
      /budget of 10000 ms|killed/,
      (lane) => [bridgePlugin(lane), { type: "hangs", hangVerb: "ADD", notes }],
    ],
    [
      "it takes an address and fails",
      /no interface for the address/,
      (lane) => [{ type: "allocates-then-fails", ipam: hostLocal(lane) }],
    ],
    [
      "it leaves a child in a session of its own and fails",
      /a child left behind/,
      () => [{ type: "leaves-child", notes }],
    ],
    ["it prints nothing", /./, () => [printing("nothing", "")]],
    [
      "it prints garbage, of which the error quotes the start",
      /garbage of a plugin/,
      () => [printing("garbage", "garbage of a plugin".padEnd(5_000, "!"))],
    ],
    ["it prints 10 MiB", /10|bytes|more than/, () => [printing("much", Buffer.alloc(10 * 2 ** 20, "x"))]],
    ["it prints binary", /./, () => [printing("binary", Buffer.from([0, 255, 254, 1, 2, 3]))]],
    ["it prints another JSON value", /./, () => [printing("array", "[1,2,3]")]],
    ["it prints half a result", /./, () => [printing("half", result({}).slice(0, 40))]],
    ["its result has no address", /no IP|address/i, () => [printing("no-address", result({ ips: [] }))]],
    ["its address is none", /./, () => [printing("bad-address", result({ ips: [{ address: "300.1.2.3/24" }] }))]],
    [
      "its result is of a version that nobody knows",
      /9\.9\.9/,
      () => [printing("version", result({ cniVersion: "9.9.9" }))],
    ],
    [
      "its result would pollute prototypes and has no address",
      /./,
      () => [printing("proto", '{"cniVersion":"1.0.0","__proto__":{"ips":[{"address":"10.1.2.3/24"}]}}')],
    ],
  ];
  for (const [name, reason, plugins] of cases) {
    await t.test(name, () => failsAndRecovers(node, reason, plugins));
  }
});

test("a plugin that is gone", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: (lane) => ({ cni: { bin_dirs: [join(lane.dir, "bin"), ...pluginDirs] } }),
  });
  const dir = join(node.lane.dir, "bin");
  mkdirSync(dir);
  const plugin = join(dir, "own-bridge");
  const plugins = (lane: Lane): readonly Json[] => [bridgePlugin(lane, { type: "own-bridge" })];

  await t.test(
    "when pods are to be started, is named, and nothing of them stays, although DEL cannot run either",
    async () => {
      writeFileSync(join(node.cniConfDir, "10-pods.conflist"), networkList(node.lane, plugins(node.lane)));
      await eventually(10_000, async () => {
        const { info } = await node.cri.runtime.status({ verbose: true });
        match(info["lastCNILoadStatus"] ?? "", /own-bridge/);
      });
      const config = node.podConfig();
      await rejects(node.cri.runtime.runPodSandbox({ config }), /own-bridge/);
      deepEqual(await node.leftovers(), []);
      equal((await node.list()).size, 0);
      await configure(node, (lane) => [bridgePlugin(lane)]);
      await node.pod((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, config).remove();
    },
  );

  await t.test("when a pod is to be stopped, keeps the pod, and lets it go when it is back", async () => {
    copyFileSync("/usr/lib/cni/bridge", plugin);
    await configure(node, plugins);
    const pod = await node.runPod();
    rmSync(plugin);
    await rejects(pod.stop(), /own-bridge/);
    deepEqual([...(await node.list())], [[pod.id, "NOTREADY"]]);
    copyFileSync("/usr/lib/cni/bridge", plugin);
    await eventually(10_000, () => pod.remove());
    deepEqual(await node.leftovers(), []);
  });
});

test("a DEL that fails three times and then works", needsRoot, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => [bridgePlugin(lane, { type: "del-fails", notes: pluginNotesDir(lane) }), portmapPlugin],
  });
  const counter = join(pluginNotesDir(node.lane), "del-failures");
  const leases = async (): Promise<number> =>
    (await node.leftovers()).filter((line) => line.startsWith("ipam:")).length;

  await t.test(
    "Stop fails with the plugin's words; the pod is NOTREADY, says why, and is retried until it is clean",
    async () => {
      const pod = await node.runPod();
      writeFileSync(counter, "3\n");
      await rejects(pod.stop(), /the controller is away/);
      deepEqual([...(await node.list())], [[pod.id, "NOTREADY"]]);
      const { problem } = await pod.info();
      equal(problem?.flow, "StopPodSandbox");
      equal(problem.step, "network.detach");
      match(problem.message, /the controller is away/);
      ok((await leases()) > 0, "nothing is given up meanwhile");

      await eventually(10_000, async () => equal((await pod.info()).problem, undefined));
      equal(readFileSync(counter, "utf8"), "0\n");
      await pod.remove();
      deepEqual(await node.leftovers(), []);
    },
  );

  await t.test("the kubelet's own retries of Stop succeed as soon as the plugin does", async () => {
    const pod = await node.runPod();
    writeFileSync(counter, "1\n");
    await rejects(pod.stop());
    await pod.stop();
    await pod.remove();
  });

  await t.test("Remove of a running pod fails as long, and then removes", async () => {
    const pod = await node.runPod();
    writeFileSync(counter, "2\n");
    await rejects(pod.remove(), /the controller is away/);
    await eventually(10_000, () => pod.remove());
    deepEqual(await node.leftovers(), []);
  });

  await t.test("the clean-up of a failed start is retried after a crash as well", async () => {
    writeFileSync(counter, "3\n");
    node.inject("RunPodSandbox/network.attach@after=fail*1");
    const config = node.podConfig();
    await rejects(node.cri.runtime.runPodSandbox({ config }));
    await node.restart();
    await eventually(10_000, async () => equal((await node.list()).size, 0));
    deepEqual(await node.leftovers(), []);
    await node.pod((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, config).remove();
  });
});

test(
  "a DEL that hangs is killed within its budget, and succeeds when the plugin is well again",
  needsRoot,
  async (t) => {
    const node = await startNode(t, {
      plugins: (lane) => [
        bridgePlugin(lane, { type: "answers-late", lateVerb: "DEL", lateSeconds: "600", notes: pluginNotesDir(lane) }),
      ],
      config: () => ({ flow: { budgets: { "network.detach": "1s" }, retry_min: "60s" } }),
    });
    const pod = await node.runPod();
    await rejects(pod.stop(), /budget of 1000 ms|killed/);
    deepEqual([...(await node.list())], [[pod.id, "NOTREADY"]]);
    const left = await node.leftovers();
    // The pod's shim stays until the pod is removed.
    deepEqual(
      left.filter((line) => line.startsWith("process:") && !line.includes("containerd-shim")),
      [],
    );
    writeFileSync(join(pluginNotesDir(node.lane), "well"), "");
    await pod.stop();
    await pod.remove();
    deepEqual(await node.leftovers(), []);
  },
);

test("500 failed starts do not use up the addresses of a /24", needsRoot, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => [bridgePlugin(lane, { type: "allocates-then-fails", ipam: hostLocal(lane) })],
  });
  for (let round = 0; round < 50; round++) {
    const starts = Array.from({ length: 10 }, () => node.runPod());
    for (const start of await Promise.allSettled(starts)) {
      equal(start.status, "rejected");
      match((start.reason as Error).message, /no interface for the address/);
    }
  }
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
  await configure(node, (lane) => [bridgePlugin(lane)]);
  await node.runPod();
});
