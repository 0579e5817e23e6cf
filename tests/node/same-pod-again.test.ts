import { deepEqual, equal, match, notEqual, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

const fails = (code: number, text: RegExp) => (reason: StatusError) => {
  equal(reason.code, code);
  match(reason.message, text);
  return true;
};

test("asking for the same pod again", needsRoot, async (t) => {
  const node = await startNode(t);
  const { runtime } = node.cri;
  const pod = await node.runPod({ name: "again" });
  const { config } = pod;

  await t.test("the same request has the same answer", async () => {
    equal((await runtime.runPodSandbox({ config })).podSandboxId, pod.id);
    equal((await node.list()).size, 1);
  });

  await t.test("the same request has the same answer after a crash", async () => {
    await node.restart();
    equal((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, pod.id);
  });

  await t.test("maps in another order are the same request", async () => {
    const annotations = Object.fromEntries(Object.entries(config.annotations ?? {}).toReversed());
    equal((await node.cri.runtime.runPodSandbox({ config: { ...config, annotations } })).podSandboxId, pod.id);
  });

  await t.test("another configuration is AlreadyExists and names the holder", async () => {
    const other = { ...config, labels: { changed: "yes" } };
    await rejects(node.cri.runtime.runPodSandbox({ config: other }), fails(Code.AlreadyExists, new RegExp(pod.id)));
  });

  await t.test("another handler is AlreadyExists", async () => {
    await rejects(
      node.cri.runtime.runPodSandbox({ config, runtimeHandler: "paused" }),
      fails(Code.AlreadyExists, new RegExp(pod.id)),
    );
  });

  await t.test("when the pod is stopped, AlreadyExists says to raise the attempt or to remove it", async () => {
    await pod.stop();
    await rejects(
      node.cri.runtime.runPodSandbox({ config }),
      fails(Code.AlreadyExists, new RegExp(`raise the attempt or remove.*${pod.id}`)),
    );
  });

  await t.test("with a raised attempt, as the kubelet asks, there is a second pod", async () => {
    const attempt = { ...config, metadata: { ...config.metadata, attempt: 1 } };
    const second = (await node.cri.runtime.runPodSandbox({ config: attempt as typeof config })).podSandboxId;
    notEqual(second, pod.id);
    const listed = await node.list();
    deepEqual([listed.size, listed.get(pod.id), listed.get(second)], [2, "NOTREADY", "READY"]);
  });

  await t.test("after the removal the name is free, and the pod is a new one", async () => {
    await pod.remove();
    notEqual((await node.cri.runtime.runPodSandbox({ config })).podSandboxId, pod.id);
  });

  await t.test("twenty at the same time are one pod", async () => {
    const twin = node.podConfig({ name: "twins" });
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => (await node.cri.runtime.runPodSandbox({ config: twin })).podSandboxId),
    );
    equal(new Set(ids).size, 1);
  });

  await t.test("twenty different ones at the same time are twenty, with an address each", async () => {
    const pods = await Promise.all(Array.from({ length: 20 }, () => node.runPod()));
    const addresses = await Promise.all(pods.map((one) => one.address()));
    equal(new Set(addresses).size, 20);
    await Promise.all(pods.map((one) => one.remove()));
  });
});
