import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerState, PodSandboxState } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import { endAfter } from "../support/end-after.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runProgram } from "../support/run-program.ts";
import { sandboxerAddress, startSandboxer } from "../support/sandboxers/start-sandboxer.ts";

test("a pod whose sandboxer is not configured any more is kept, can go, and can come back", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: (lane) => ({
      runtimes: { vm: { controller: "vmm", snapshot_options: ["volatile"] }, own: { pause: "always" } },
      sandboxers: { vmm: { address: sandboxerAddress(lane) } },
    }),
  });
  const { node } = scene;
  const sandboxer = await startSandboxer(node.lane);
  endAfter(t, () => sandboxer.end());
  const pod = await node.runPod({ handler: "vm" });
  const container = await scene.runContainer(pod, { script: "echo begun; sleep 3600" });
  equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
  const waiting = await scene.createContainer(pod);
  const rootfs = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((line) => line.includes(container.id));
  match(rootfs ?? "", /^overlay .*volatile/);
  const own = await node.runPod({ handler: "own" });
  const before = readFileSync(node.configFile, "utf8");
  const without = before.replace(/^"sandboxers".*\n/m, "").replace(', "own" = { "pause" = "always" }', "");
  writeFileSync(node.configFile, without);
  await node.restart();

  await t.test("it is not ready, with the reason, and nothing is taken from it", async () => {
    equal((await node.list()).get(pod.id), "NOTREADY");
    const { state } = await pod.status();
    equal(state, PodSandboxState.SANDBOX_NOTREADY);
    const { unreachable } = (await pod.info()) as { readonly unreachable?: { readonly reason: string } };
    match(unreachable?.reason ?? "", /its controller "vmm" is not configured any more/);
    ok((await pod.exec(["true"])).exitCode === 0, "its network namespace is there");
    const refused = { code: Code.FailedPrecondition, message: /its controller "vmm" is not configured any more/ };
    await rejects(scene.createContainer(pod), refused);
    await rejects(waiting.start(), refused);
    equal((await waiting.status()).state, ContainerState.CONTAINER_CREATED);
    await rejects(node.runPod({ handler: "own" }), { code: Code.InvalidArgument });
    await rejects(node.runPod({ handler: "vm" }), {
      code: Code.FailedPrecondition,
      message: /no controller named "vmm"/,
    });
  });

  await t.test("a pod whose handler alone is gone has all it needs in its plan", async () => {
    equal((await node.list()).get(own.id), "READY");
    equal((await own.info()).processStatus, "running");
    await own.remove();
  });

  await t.test("with its sandboxer back in the configuration it is as before", async () => {
    writeFileSync(node.configFile, before);
    await node.restart();
    equal((await node.list()).get(pod.id), "READY");
    equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
    equal(await container.sh("echo again"), "again\n");
    await waiting.start();
    equal((await waiting.status()).state, ContainerState.CONTAINER_RUNNING);
    await waiting.stop(0);
    await waiting.remove();
  });

  await t.test("without it, it can be stopped and removed, and what is left is named", async () => {
    writeFileSync(node.configFile, without);
    await node.restart();
    await pod.stop();
    equal((await container.status()).state, ContainerState.CONTAINER_EXITED);
    await pod.remove();
    equal((await node.list()).size, 0);
    await eventually(10_000, () => match(node.log(), /pod sandbox is removed without its controller/));
    // They are the sandboxer's, which was not asked.
    for (const kind of ["ipc", "uts"])
      await runProgram(["umount", join(dirname(sandboxer.address), "namespaces", pod.id, kind)]);
    deepEqual(await node.leaks(), []);
  });
});
