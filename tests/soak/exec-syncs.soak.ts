import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { manyExecSyncs } from "../support/containers/many-exec-syncs.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_EXECS"] ?? 10_000);

test(`${count} commands in a row leave nothing`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const container = await scene.runContainer(await scene.node.runPod());
  t.diagnostic(JSON.stringify(await manyExecSyncs(scene.node, container, count)));
});
