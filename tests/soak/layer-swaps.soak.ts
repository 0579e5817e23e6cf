import { test } from "node:test";

import { startImageNode } from "../support/images/image-node.ts";
import { pullWhileSwapping } from "../support/images/swap-directories.ts";
import { needsRoot } from "../support/needs-root.ts";

const images = Number(process.env["CRIB_SOAK_SWAPPED_IMAGES"] ?? 100);

test(
  `swapping directories for links while ${images * 100} layers unpack moves nothing out of the store`,
  needsRoot,
  async (t) => {
    t.diagnostic(JSON.stringify(await pullWhileSwapping(t, await startImageNode(t), images)));
  },
);
