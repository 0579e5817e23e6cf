import { test } from "node:test";

import { startImageNode } from "../support/images/image-node.ts";
import { pullWhileSwapping } from "../support/images/swap-directories.ts";
import { needsRoot } from "../support/needs-root.ts";

// CVE-2025-47290: what was checked is not what is used, when somebody swaps it in between. tests/soak has more of it.
test("swapping directories for links while 300 layers unpack moves nothing out of the store", needsRoot, async (t) => {
  t.diagnostic(JSON.stringify(await pullWhileSwapping(t, await startImageNode(t), 3)));
});
