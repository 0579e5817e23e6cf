import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { expectThreeDescriptors } from "../support/containers/three-descriptors.ts";
import { needsRoot } from "../support/needs-root.ts";

const containers = Number(process.env["CRIB_SOAK_DESCRIPTORS"] ?? 200);

test(
  `${containers} containers and as many commands in one have three descriptors each (CVE-2024-21626)`,
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t);
    await expectThreeDescriptors(scene, await scene.node.runPod(), { containers, execs: containers });
  },
);
