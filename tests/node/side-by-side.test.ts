import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { startDaemon } from "../support/daemon-process.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

test("two cribs on one machine do not see each other's pods", needsRoot, async (t) => {
  const [first, second] = [await startNode(t), await startNode(t)];
  notEqual(first.instance, second.instance);
  const [mine, theirs] = await Promise.all([first.runPod({ handler: "paused" }), second.runPod({ handler: "paused" })]);
  equal(mine.id.endsWith(first.instance), true);

  await t.test("neither in lists nor among leaks, also when one crashes", async () => {
    await first.kill();
    deepEqual(await second.leaks(), []);
    await first.restart();
    deepEqual([...(await first.list()).keys()], [mine.id]);
    deepEqual([...(await second.list()).keys()], [theirs.id]);
    deepEqual(await first.leaks(), []);
  });

  await t.test("removing all of one leaves all of the other", async () => {
    await first.removeAllPods();
    deepEqual(await first.leftovers(), []);
    equal((await theirs.info()).processStatus, "running");
    ok((await theirs.exec(["ping", "-c", "1", `${second.lane.prefix}.1`])).stdout.includes("1 received"));
  });
});

test("a second daemon on the same directories fails and names the first", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();
  await rejects(startDaemon({ configFile: node.configFile, onOutput: () => {} }), (reason: Error) => {
    match(reason.message, new RegExp(`\\b${node.daemon.pid}\\b`));
    match(reason.message, /ended with 1/);
    return true;
  });
  ok((await pod.address()).startsWith(node.lane.prefix), "the first goes on");
  const again = await node.runPod();
  equal((await node.list()).size, 2);
  await again.remove();
});

test("SIGTERM ends the daemon with 0, closes its socket and leaves pods running", needsRoot, async (t) => {
  const node = await startNode(t);
  const pod = await node.runPod();
  const address = await pod.address();
  equal((await node.term()).exitCode, 0);
  match((await pod.exec(["ping", "-c", "1", `${node.lane.prefix}.1`])).stdout, /1 received/);
  await node.restart();
  equal(await pod.address(), address);
});
