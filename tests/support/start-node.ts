import type { TestContext } from "node:test";

import { endAfter } from "./end-after.ts";
import { hostListing } from "./host-listing.ts";
import { LaneNode } from "./lane-node.ts";
import { takeLane } from "./lane.ts";
import type { Node, NodeOptions } from "./node.ts";

/**
 * Starts a node for a test. When the test has ended, however it ended, all pods are removed, the daemon is stopped, the
 * leak counters must be zero, and the host must be as it was before.
 */
export async function startNode(t: TestContext, options: NodeOptions = {}): Promise<Node> {
  const before = await hostListing();
  const lane = takeLane();
  const node = new LaneNode(lane, before, options);
  endAfter(t, () => node.end((message) => t.diagnostic(message)));
  node.writeConfig();
  await node.restart(options.faults === undefined ? {} : { faults: options.faults });
  return node;
}
