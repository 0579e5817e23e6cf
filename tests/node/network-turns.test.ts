import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

const turns = ["parallel", "before-create", "before-start", "after-start"] as const;

test("the network may be attached at four moments", needsRoot, async (t) => {
  const node = await startNode(t, {
    config: () => ({
      runtimes: Object.fromEntries(turns.map((network) => [network, { network, pause: "always" }])),
    }),
  });
  for (const turn of turns) {
    await t.test(turn, async () => {
      const pod = await node.runPod({ handler: turn });
      ok((await pod.address()).startsWith(node.lane.prefix));
      const steps = (await pod.info()).timings.find(({ flow }) => flow === "RunPodSandbox")?.steps ?? [];
      const [attach, create, start] = ["network.attach", "sandbox.create", "sandbox.start"].map((name) =>
        steps.find(({ step }) => step === name),
      );
      if (!attach || !create || !start)
        throw new Error(`a step is missing among ${steps.map(({ step }) => step).join()}`);
      if (turn === "before-create") ok(attach.endMs <= create.startMs);
      if (turn === "before-start") ok(attach.endMs <= start.startMs);
      if (turn === "after-start") ok(start.endMs <= attach.startMs);
      if (turn === "parallel") ok(attach.startMs < start.endMs, "it does not wait for the boundary");
      await pod.remove();
      deepEqual(await node.leftovers(), []);
    });
  }
  equal((await node.list()).size, 0);
});
