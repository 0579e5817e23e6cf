import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startDaemon } from "../support/daemon-process.ts";
import { needsRoot } from "../support/needs-root.ts";
import { leasesDir } from "../support/network-config.ts";
import { outputOf, runProgram } from "../support/run-program.ts";
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

test("what others have put where crib looks is never touched", needsRoot, async (t) => {
  const node = await startNode(t);
  const { lane } = node;
  const pod = await node.runPod({ handler: "paused" });
  const netns = join(lane.dir, "netns", "cni-of-another");
  const lease = join(leasesDir(lane), lane.bridge, `${lane.prefix}.200`);
  const cgroup = `/sys/fs/cgroup/pids${lane.cgroup}/crib-of-another`;
  const idOfAnother = `${"ab".repeat(28)}00000000`;
  await runProgram(["touch", netns]);
  await runProgram(["unshare", `--net=${netns}`, "true"]);
  writeFileSync(lease, `${idOfAnother}\r\neth0`);
  if (existsSync("/sys/fs/cgroup/pids")) mkdirSync(cgroup);
  t.after(async () => {
    await runProgram(["umount", netns], { mayFail: true });
  });

  await node.restart();
  await (await node.runPod({ handler: "paused" })).remove();
  await pod.remove();
  await node.restart();

  for (const path of [netns, lease]) ok(existsSync(path), path);
  ok(!existsSync("/sys/fs/cgroup/pids") || existsSync(cgroup), cgroup);
  match(await outputOf("findmnt", "-n", netns), /nsfs/);
  deepEqual(await node.leaks(), [], "nor counted");
  await runProgram(["umount", netns]);
  for (const path of [netns, lease]) rmSync(path, { recursive: true });
});
