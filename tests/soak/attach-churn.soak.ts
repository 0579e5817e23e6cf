import { test } from "node:test";

import { attachChurn } from "../support/containers/attach-churn.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_ATTACHES"] ?? 10_000);

test(`${count} clients that attach and vanish leave nothing`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const container = await scene.runContainer(await scene.node.runPod());
  t.diagnostic(JSON.stringify(await attachChurn(scene.node, container, count)));
});
