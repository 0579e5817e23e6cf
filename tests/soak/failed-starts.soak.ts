import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { failedStarts } from "../support/containers/failed-starts.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_FAILED_STARTS"] ?? 1_000);

test(`${count} containers whose start fails leave nothing`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const pod = await scene.node.runPod();
  await scene.runContainer(pod);
  t.diagnostic(JSON.stringify(await failedStarts(scene, pod, count)));
  await pod.remove();
  deepEqual(await scene.node.leftovers(), []);
  deepEqual(await scene.node.leaks(), []);
});
