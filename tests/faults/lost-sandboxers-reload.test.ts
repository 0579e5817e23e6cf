import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { ContainerState, PodSandboxState } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { runCrib } from "../support/run-crib.ts";
import { startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";

const { CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** Ends with 7 when it is told to, and writes a line each second. */
const endsWithSeven = "trap 'exit 7' TERM; while :; do echo on; sleep 1 & wait; done";

/** Fails while nobody listens there. */
async function probe(path: string): Promise<void> {
  const socket = connect(path);
  await once(socket, "connect");
  socket.destroy();
}

test("a sandboxer that is away for good is removed by a reload, and added by another", needsRoot, async (t) => {
  const sandboxer = await startExampleSandboxer(t);
  const scene = await startContainerNode(t, {
    config: () => ({
      runtimes: { ns: { controller: "spaces" } },
      sandboxers: { spaces: { address: sandboxer.address, pending_grace: "60s" } },
    }),
  });
  const { node } = scene;
  const [pod, other] = [await node.runPod({ handler: "ns" }), await node.runPod({ handler: "ns" })];
  const kept = await scene.runContainer(pod);
  const ending = await scene.runContainer(pod, { script: endsWithSeven });
  const lost = await scene.runContainer(other);
  const { startedAt } = await kept.status();
  const address = await pod.address();
  const withTable = readFileSync(node.configFile, "utf8");
  const withoutTable = withTable.replace(/^"sandboxers".*\n/m, "");
  const reload = async (config: string): Promise<readonly string[]> => {
    writeFileSync(node.configFile, config);
    const { stdout, stderr, exitCode } = await runCrib(node, "reload");
    equal(exitCode, 0, stderr);
    return stdout.split("\n").filter(Boolean);
  };

  await t.test("one that answers stays while pods use it", async () => {
    deepEqual(await reload(withoutTable), ['kept: sandboxer "spaces": not removed, 2 pods use it']);
    deepEqual([...(await node.list()).values()], ["READY", "READY"]);
  });

  await t.test("one that has died goes, and its pods are kept, not ready", async () => {
    await sandboxer.end("SIGKILL");
    const [removed, broken, ...more] = await reload(withoutTable);
    match(removed ?? "", /^sandboxer "spaces": removed, although 2 pods use it: \w/);
    match(broken ?? "", /^broken: runtime handler "ns": no controller named "spaces"/);
    deepEqual(more, []);
    deepEqual([...(await node.list()).values()], ["NOTREADY", "NOTREADY"]);
    const { unreachable } = (await pod.info()) as { readonly unreachable?: { readonly reason: string } };
    match(unreachable?.reason ?? "", /its controller "spaces" is not configured any more/);
    await rejects(scene.createContainer(pod), { code: Code.FailedPrecondition });
    for (const one of [kept, ending, lost]) equal((await one.status()).state, CONTAINER_RUNNING);
  });

  await t.test("they can be removed without it", async () => {
    await other.remove();
    deepEqual([...(await node.list()).keys()], [pod.id]);
    await rejects(lost.status(), { code: Code.NotFound });
    ok(sandboxer.leftovers(other.id).length > 0, "only the sandboxer knows how to free what is left");
  });

  await t.test("configured again, it has to answer before they are ready", async () => {
    process.kill((await ending.info())["pid"] as number, "SIGTERM");
    deepEqual(await reload(withTable), [
      'sandboxer "spaces": added',
      'kept: sandboxer "spaces": a pod is not ready until it answers',
    ]);
    equal((await node.list()).get(pod.id), "NOTREADY");
    await sandboxer.start();
    await eventually(15_000, async () => equal((await node.list()).get(pod.id), "READY"));
    equal(await pod.address(), address);
    await eventually(5_000, async () => equal((await ending.status()).state, CONTAINER_EXITED));
    equal((await ending.status()).exitCode, 7);
    const status = await kept.status();
    deepEqual([status.state, status.startedAt], [CONTAINER_RUNNING, startedAt]);
    equal(await kept.sh("echo again"), "again\n");
  });

  await t.test("what answers already is taken up at once, also by SIGHUP", async () => {
    const second = await scene.runContainer(pod, { script: endsWithSeven });
    await sandboxer.end("SIGKILL");
    await reload(withoutTable);
    await sandboxer.start();
    // The socket of the one that was killed is there all along.
    await eventually(15_000, () => probe(sandboxer.address));
    equal((await pod.status()).state, PodSandboxState.SANDBOX_NOTREADY);
    const lines = (await second.log()).length;
    writeFileSync(node.configFile, withTable);
    node.daemon.signal("SIGHUP");
    await eventually(5_000, async () => equal((await node.list()).get(pod.id), "READY"));
    await eventually(5_000, () => ok(node.log().includes("a pod is taken up again"), "the report says so"));
    await eventually(5_000, async () => ok((await second.log()).length > lines));
    await second.stop(10);
    equal((await second.ended()).exitCode, 7);
  });

  await t.test("nothing is left, not even of the pod that was removed without it", async () => {
    await eventually(15_000, () => deepEqual(sandboxer.leftovers(other.id), []));
    await pod.remove();
    deepEqual(sandboxer.leftovers(pod.id), []);
    deepEqual(await node.leaks(), []);
  });
});
