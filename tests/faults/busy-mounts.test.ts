import { deepEqual, equal } from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

test(
  "a pod whose mounts and namespaces are in use by others can be stopped and removed all the same",
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    const pod = await node.runPod();
    const { sandboxMetadata } = await pod.info();
    const stateDir = sandboxMetadata["stateDir"] ?? "";
    const holders = [
      spawn("sleep", ["1000"], { cwd: `${stateDir}/shm`, stdio: "ignore" }),
      spawn("sleep", ["1000"], { cwd: stateDir, stdio: "ignore" }),
      spawn("nsenter", [`--net=${pod.netns}`, "sleep", "1000"], { stdio: "ignore" }),
    ];
    t.after(() => {
      for (const holder of holders) holder.kill("SIGKILL");
    });
    await Promise.all(holders.map((holder) => new Promise((resolve) => holder.once("spawn", resolve))));

    await pod.stop();
    await pod.remove();
    equal((await node.list()).size, 0);
    const ends = holders.map((holder) => new Promise((resolve) => holder.once("exit", resolve)));
    for (const holder of holders) holder.kill("SIGKILL");
    await Promise.all(ends);
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  },
);

test(
  "something mounted below a pod's directory by others does not keep it from being removed",
  needsRoot,
  async (t) => {
    const node = await startNode(t);
    const pod = await node.runPod();
    const { sandboxMetadata } = await pod.info();
    const dir = `${sandboxMetadata["stateDir"]}/shm/below`;
    await runProgram(["mkdir", dir]);
    await runProgram(["mount", "-t", "tmpfs", "tmpfs", dir]);
    await pod.remove();
    deepEqual(await node.leftovers(), []);
  },
);
