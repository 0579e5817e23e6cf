import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

test("the network that crib provides itself", needsRoot, async (t) => {
  const node = await startNode(t, {
    plugins: () => [],
    config: (lane) => ({
      cni: { default_network: { name: lane.bridge, subnet: `${lane.prefix}.0/24`, bridge: lane.bridge } },
    }),
  });

  await t.test("gives pods addresses of its subnet, with which they reach each other", async () => {
    const [one, other] = await Promise.all([node.runPod(), node.runPod()]);
    ok((await one.address()).startsWith(`${node.lane.prefix}.`));
    match((await one.exec(["ping", "-c", "1", await other.address()])).stdout, /1 received/);
  });

  await t.test("is found again after a restart, although its own route is there", async () => {
    await node.restart();
    equal((await node.list()).size, 2);
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
  });

  await t.test("is refused when the host has a route into its subnet, naming it", async () => {
    await node.kill();
    await runProgram(["ip", "link", "delete", node.lane.bridge]);
    const other = `cribo${node.lane.number}`;
    await runProgram(["ip", "link", "add", other, "type", "bridge"]);
    try {
      await runProgram(["ip", "address", "add", `${node.lane.prefix}.130/26`, "dev", other]);
      await runProgram(["ip", "link", "set", other, "up"]);
      await rejects(node.restart(), (reason: Error) => {
        ok(reason.message.includes(`${node.lane.prefix}.128/26 over`), reason.message);
        ok(reason.message.includes(other), reason.message);
        return true;
      });
    } finally {
      await runProgram(["ip", "link", "delete", other]);
    }
    await node.restart();
  });
});
