import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

/** Gives a node file systems of its own, so small that they can be filled, for its root or its state directory. */
async function startOnSmallDisk(t: TestContext, which: "root" | "state", options: string): Promise<Node> {
  // A shim that is started beforehand would give room back when it finds none.
  const node = await startNode(t, { config: () => ({ runtimes: { runc: { prestart: false } } }) });
  await node.kill();
  const dir = node[which];
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { mode: 0o700 });
  await runProgram(["mount", "-t", "tmpfs", "-o", options, "tmpfs", dir]);
  await node.restart();
  return node;
}

/** Fills a file system to the last block. */
async function fill(dir: string): Promise<string> {
  const path = join(dir, "filler");
  await runProgram(["dd", "if=/dev/zero", `of=${path}`, "bs=4k", "status=none"], { mayFail: true });
  equal(statfsSync(dir).bavail, 0);
  return path;
}

async function leaveDisk(node: Node, which: "root" | "state"): Promise<void> {
  await node.removeAllPods();
  await node.kill();
  await runProgram(["umount", node[which]]);
  await node.restart();
}

const isFull = (reason: StatusError): boolean => {
  ok(
    reason.code === Code.ResourceExhausted || /full|no space|ENOSPC/i.test(reason.message),
    `${reason.code} ${reason.message}`,
  );
  return true;
};

for (const which of ["root", "state"] as const) {
  test(
    `with a full ${which} directory pods fail, running ones stay, and all goes on when there is room`,
    needsRoot,
    async (t) => {
      const node = await startOnSmallDisk(t, which, "size=8m,mode=0700");
      const running = await node.runPod();
      const address = await running.address();
      const filler = await fill(node[which]);
      const config = node.podConfig();
      for (let time = 0; time < 5; time++) await rejects(node.cri.runtime.runPodSandbox({ config }), isFull);
      equal(await running.address(), address);
      equal((await node.cri.runtime.version({})).runtimeName, "crib");

      rmSync(filler);
      const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config });
      equal((await node.list()).get(podSandboxId), "READY");
      await leaveDisk(node, which);
      deepEqual(await node.leaks(), []);
    },
  );
}

test("pods that fail for want of inodes leave no directory behind", needsRoot, async (t) => {
  const node = await startOnSmallDisk(t, "state", "nr_inodes=120,mode=0711");
  const before = statfsSync(node.state).ffree;
  // What is left is less than a pod needs.
  for (let index = 0; index < before - 4; index++) writeFileSync(join(node.state, `filler-${index}`), "");
  for (let time = 0; time < 100; time++) await rejects(node.runPod(), isFull);
  equal(statfsSync(node.state).ffree, 4);
  deepEqual(await node.leaks(), []);
  for (let index = 0; index < before - 4; index++) rmSync(join(node.state, `filler-${index}`));
  await node.runPod();
  await leaveDisk(node, "state");
});
