import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { countingScript, rotateLog } from "../support/containers/log-rotations.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_ROTATIONS"] ?? 1_000);

test(`a log that is written to without a pause is moved away ${count} times`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const container = await scene.runContainer(await scene.node.runPod(), { script: countingScript });
  t.diagnostic(JSON.stringify(await rotateLog(scene.node, container, count)));
});
