import { deepEqual } from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";

import { busyboxImage, startContainerNode } from "../support/containers/container-node.ts";
import { needsRoot } from "../support/needs-root.ts";
import { exampleShimHandler, startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";
import type { TomlValue } from "../support/to-toml.ts";
import { crictlFor } from "./crictl.ts";
import { crictlStory, type StoryDifferences, type StoryPod } from "./handler-story.ts";

/** The pods that live the story under each handler, with their `namespace_options`. */
const pods: readonly Pick<StoryPod, "name" | "namespaces">[] = [
  { name: "plain", namespaces: { network: 0, pid: 1 } },
  { name: "shared-pid", namespaces: { network: 0, pid: 0 } },
  { name: "host-network", namespaces: { network: 2, pid: 1 } },
];

/** A runtime handler, and all that the story may see of it that is not so under the others. docs/controllers.md has this table too, with reasons. */
interface HandlerCase {
  readonly table: Readonly<Record<string, TomlValue>>;
  readonly differences: StoryDifferences;
}

const cases: Readonly<Record<string, HandlerCase>> = {
  "no pause": {
    table: {},
    differences: { controller: "podsandbox", process: "where the PID namespace is shared", madeBy: "crib" },
  },
  'pause = "always"': {
    table: { pause: "always" },
    differences: { controller: "podsandbox", process: "always", madeBy: "crib" },
  },
  "the example shim": {
    table: exampleShimHandler,
    differences: { controller: "shim", process: "where the PID namespace is shared", madeBy: "controller" },
  },
  "the example sandboxer": {
    table: { controller: "spaces" },
    differences: { controller: "spaces", process: "where the PID namespace is shared", madeBy: "controller" },
  },
};

async function live(t: TestContext, { table, differences }: HandlerCase): Promise<void> {
  const address = differences.controller === "spaces" ? (await startExampleSandboxer(t)).address : undefined;
  const scene = await startContainerNode(t, {
    config: () => ({
      runtimes: { story: table },
      ...(address !== undefined && { sandboxers: { spaces: { address } } }),
    }),
  });
  const { node } = scene;
  const crictl = crictlFor(`unix://${node.socket}`, node.lane.dir);
  const image = scene.serve(busyboxImage());
  const stories = pods.map((pod) =>
    crictlStory({ crictl, lane: node.lane, image }, { ...pod, handler: "story", differences }),
  );
  await Promise.all(stories.map((story) => story.next()));
  await node.restart(); // after SIGKILL
  await Promise.all(stories.map((story) => story.next()));
  deepEqual(await node.leaks(), []);
  deepEqual(await node.leftovers(), []);
}

describe("crictl tells the same story", { ...needsRoot, concurrency: true }, () => {
  for (const [name, handler] of Object.entries(cases)) test(`under ${name}`, async (t) => live(t, handler));
});
