import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Protocol } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import { bridgePlugin, pluginNotesDir } from "../support/network-config.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

interface Told {
  readonly runtimeConfig: Readonly<Record<string, unknown>>;
  readonly prevResult?: unknown;
}
const toldIn = (node: Node, command: "ADD" | "DEL"): Told =>
  JSON.parse(readFileSync(join(pluginNotesDir(node.lane), `${command}.json`), "utf8")) as Told;
const environmentIn = (node: Node, command: "ADD" | "DEL"): ReadonlyMap<string, string> =>
  new Map(
    readFileSync(join(pluginNotesDir(node.lane), `${command}.env`), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );

test("what a CNI plugin is told of a pod", needsRoot, async (t) => {
  const node = await startNode(t, {
    plugins: (lane) => [
      bridgePlugin(lane, {
        type: "tells",
        notes: pluginNotesDir(lane),
        capabilities: { portMappings: true, bandwidth: true, dns: true, "io.kubernetes.cri.pod-annotations": true },
      }),
    ],
  });
  const annotations = {
    "kubernetes.io/ingress-bandwidth": "1M",
    "kubernetes.io/egress-bandwidth": "512k",
    team: "blue",
  };
  const pod = await node.runPod({
    name: "told",
    change: (config) => ({
      ...config,
      annotations,
      portMappings: [
        { protocol: Protocol.UDP, containerPort: 53, hostPort: 5353, hostIp: "" },
        { protocol: Protocol.TCP, containerPort: 9, hostPort: 0, hostIp: "" },
      ],
    }),
  });

  await t.test("capabilities hold port mappings, bandwidth, DNS and annotations", () => {
    const { runtimeConfig } = toldIn(node, "ADD");
    deepEqual(runtimeConfig["portMappings"], [{ hostPort: 5353, containerPort: 53, protocol: "udp", hostIP: "" }]);
    const bandwidth = runtimeConfig["bandwidth"] as Readonly<Record<string, number>>;
    equal(bandwidth["ingressRate"], 1_000_000);
    equal(bandwidth["egressRate"], 512_000);
    ok((bandwidth["ingressBurst"] ?? 0) > 0);
    deepEqual(runtimeConfig["dns"], {
      servers: ["10.96.0.10"],
      searches: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"],
      options: ["ndots:5"],
    });
    deepEqual(runtimeConfig["io.kubernetes.cri.pod-annotations"], annotations);
  });

  await t.test("the arguments name the pod and the interface", () => {
    const environment = environmentIn(node, "ADD");
    equal(environment.get("CNI_CONTAINERID"), pod.id);
    equal(environment.get("CNI_IFNAME"), "eth0");
    equal(environment.get("CNI_NETNS"), pod.netns);
    const args = environment.get("CNI_ARGS") ?? "";
    match(args, /IgnoreUnknown=1/);
    match(args, /K8S_POD_NAMESPACE=default/);
    match(args, /K8S_POD_NAME=told/);
    ok(args.includes(`K8S_POD_INFRA_CONTAINER_ID=${pod.id}`), args);
    ok(args.includes(`K8S_POD_UID=${pod.config.metadata?.uid}`), args);
  });

  await t.test("it gets what it needs of the environment and is marked with its pod", () => {
    const environment = environmentIn(node, "ADD");
    equal(environment.get("CRIB_ROW"), pod.id);
    equal(environment.has("CRIB_FAULTS"), false);
  });

  await t.test("DEL is told the same again, and what ADD answered", async () => {
    await pod.stop();
    deepEqual(toldIn(node, "DEL").runtimeConfig, toldIn(node, "ADD").runtimeConfig);
    ok(toldIn(node, "DEL").prevResult !== undefined);
    equal(environmentIn(node, "DEL").get("CNI_ARGS"), environmentIn(node, "ADD").get("CNI_ARGS"));
  });

  await t.test(
    "a bandwidth that is no quantity, too small or too large is refused before anything is done",
    async () => {
      for (const rate of ["fast", "1", "1000P", "-1M"]) {
        const message = await node
          .runPod({ change: (config) => ({ ...config, annotations: { "kubernetes.io/ingress-bandwidth": rate } }) })
          .then(
            () => "it ran",
            (reason: Error) => reason.message,
          );
        match(message, /ingress-bandwidth/);
      }
    },
  );
});
