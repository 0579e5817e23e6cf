import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { interactiveExecs } from "../support/containers/interactive-execs.ts";
import { needsRoot } from "../support/needs-root.ts";

const count = Number(process.env["CRIB_SOAK_INTERACTIVE"] ?? 200);

test(`${count} clients talk to a command at once`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const container = await scene.runContainer(await scene.node.runPod());
  t.diagnostic(JSON.stringify(await interactiveExecs(scene.node, container, count, t.signal)));
});
