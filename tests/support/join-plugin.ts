import { join } from "node:path";
import type { TestContext } from "node:test";

import { connectStubPlugin, type StubOptions, type StubPlugin } from "@crib/nri/testing";

import { endAfter } from "./end-after.ts";
import type { Node } from "./node.ts";

/** Connects a plugin in this process to a node; it has joined. Closed at the end of the test. */
export async function joinPlugin(
  t: TestContext,
  node: Pick<Node, "state">,
  options: StubOptions = {},
): Promise<StubPlugin> {
  const plugin = await connectStubPlugin(join(node.state, "nri.sock"), options);
  endAfter(t, () => plugin.close());
  await plugin.synchronized;
  return plugin;
}

/** The names of a plugin's events about one pod and its containers. */
export function eventsOf({ told }: StubPlugin, podId: string): readonly string[] {
  return told.filter((event) => event.podId === podId).map(({ event }) => event);
}
