import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { execStream } from "../support/containers/exec-stream.ts";
import { needsRoot } from "../support/needs-root.ts";

const gibibytes = Number(process.env["CRIB_SOAK_EXEC_GIB"] ?? 10);

test(`${gibibytes} GiB of a command come to its client, every byte once`, needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const container = await scene.runContainer(await scene.node.runPod());
  t.diagnostic(JSON.stringify(await execStream(scene.node, container, gibibytes * 2 ** 30, t.signal)));
});
