import { deepEqual } from "node:assert/strict";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { failedStarts } from "../support/containers/failed-starts.ts";
import { needsRoot } from "../support/needs-root.ts";

test(
  "30 containers whose start fails cost the daemon no descriptor and no thread, and the shim no more than it is known to keep",
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t);
    const pod = await scene.node.runPod();
    await scene.runContainer(pod);
    t.diagnostic(JSON.stringify(await failedStarts(scene, pod, 30)));
    await pod.remove();
    deepEqual(await scene.node.leftovers(), []);
    deepEqual(await scene.node.leaks(), []);
  },
);
