import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

/** A node whose next pod stands still before its network is attached, for as long as the step's budget. */
const standingStill = { faults: "RunPodSandbox/network.attach@before=hang*1" };

test("calls that meet a pod that is being made", needsRoot, async (t) => {
  const node = await startNode(t, { config: () => ({ flow: { budgets: { "network.attach": "60s" } } }) });
  const halfMade = async (): Promise<string> =>
    eventually(5_000, () => {
      const id = /crib-([0-9a-f]{64})/.exec(JSON.stringify(readNetns(node.lane.dir)))?.[1];
      if (id === undefined) throw new Error("no pod is being made");
      return id;
    });

  for (const call of ["stopPodSandbox", "removePodSandbox"] as const) {
    await t.test(`${call} aborts it, waits until nothing is left, and succeeds`, async () => {
      await node.restart(standingStill);
      const began = performance.now();
      const run = rejects(node.runPod(), { code: Code.Canceled });
      const podSandboxId = await halfMade();
      equal((await node.list()).size, 0, "it is not listed");
      await node.cri.runtime[call]({ podSandboxId });
      deepEqual(await node.leftovers(), []);
      await run;
      ok(performance.now() - began < 40_000, "it did not wait for the step's budget");
    });
  }

  await t.test("a caller that gives up does not end it; its retry gets the same pod", async () => {
    await node.restart({ faults: "RunPodSandbox/network.attach@before=hold*1" });
    const config = node.podConfig();
    const giveUp = new AbortController();
    const call = node.cri.runtime.runPodSandbox({ config }, { signal: giveUp.signal });
    await eventually(5_000, () => ok(node.log().includes("held at RunPodSandbox/network.attach@before")));
    giveUp.abort();
    await rejects(call, { code: Code.Canceled });
    node.daemon.signal("SIGUSR2");
    const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config });
    deepEqual([...(await node.list())], [[podSandboxId, "READY"]]);
    await node.cri.runtime.removePodSandbox({ podSandboxId });
  });

  await t.test("a caller whose deadline passes finds the pod when it comes again", async () => {
    const config = node.podConfig();
    await rejects(node.cri.runtime.runPodSandbox({ config }, { timeoutMs: 10 }), { code: Code.DeadlineExceeded });
    const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config });
    equal((await node.list()).get(podSandboxId), "READY");
    await node.cri.runtime.removePodSandbox({ podSandboxId });
  });

  await t.test("twenty that ask for the same, while it fails, all learn why", async () => {
    await node.restart({ faults: "RunPodSandbox/sandbox.start@inside=fail*1" });
    const config = node.podConfig();
    const calls = await Promise.allSettled(
      Array.from({ length: 20 }, () => node.cri.runtime.runPodSandbox({ config })),
    );
    const failed = calls.filter((call) => call.status === "rejected");
    ok(failed.length > 0);
    for (const { reason } of failed) ok((reason as Error).message.includes("injected fault"), String(reason));
    await node.removeAllPods();
    deepEqual(await node.leftovers(), []);
  });

  await t.test("Stop and Remove at the same time, ten times each, of one pod", async () => {
    await node.restart();
    const pod = await node.runPod({ handler: "paused" });
    await Promise.all(Array.from({ length: 10 }, () => [pod.stop(), pod.remove()]).flat());
    equal((await node.list()).size, 0);
    deepEqual(await node.leftovers(), []);
  });
});

function readNetns(dir: string): readonly string[] {
  return readdirSync(join(dir, "netns"));
}

test("why a pod did not start is told also where it cannot be taken back at once", needsRoot, async (t) => {
  const faults = "RunPodSandbox/sandbox.start@before=fail*1;RunPodSandbox/cgroup.create!undo@before=fail*1";
  const node = await startNode(t, { faults });
  await rejects(node.runPod(), { message: /sandbox\.start.*; and it cannot be cleaned up yet: .*cgroup\.create/ });
  await eventually(5_000, async () => equal((await node.list()).size, 0));
  deepEqual(await node.leftovers(), []);
});
