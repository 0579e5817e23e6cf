import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerEventType, PodSandboxState } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

const nameOf = (type: number): string =>
  Object.entries(ContainerEventType).find(([, value]) => value === type)?.[0] ?? `${type}`;

test("a client that listens is told of a pod's life in order", needsRoot, async (t) => {
  const node = await startNode(t);
  const told: string[] = [];
  const end = new AbortController();
  const listening = (async () => {
    for await (const event of node.cri.runtime.getContainerEvents({}, { signal: end.signal })) {
      const state = event.podSandboxStatus?.state === PodSandboxState.SANDBOX_READY ? "ready" : "not ready";
      told.push(`${event.containerId.slice(0, 8)} ${nameOf(event.containerEventType)} ${state}`);
      deepEqual(event.containersStatuses, []);
      equal(event.podSandboxStatus?.metadata?.namespace, "default");
    }
  })();
  // A stream that is being opened misses what happens meanwhile, so the first pod is only to see it open.
  await eventually(10_000, async () => {
    const first = await node.runPod();
    await first.remove();
    equal(told.length >= 4, true);
  });
  told.length = 0;

  const pod = await node.runPod();
  await pod.stop();
  await pod.remove();
  await eventually(10_000, () =>
    deepEqual(
      told.map((line) => line.replace(pod.id.slice(0, 8), "pod")),
      [
        "pod CONTAINER_CREATED_EVENT ready",
        "pod CONTAINER_STARTED_EVENT ready",
        "pod CONTAINER_STOPPED_EVENT not ready",
        "pod CONTAINER_DELETED_EVENT not ready",
      ],
    ),
  );
  end.abort();
  await rejects(listening, { code: Code.Canceled });
});
