import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type TestContext, test } from "node:test";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { needsRoot } from "../support/needs-root.ts";
import { type Ended, runProgram } from "../support/run-program.ts";
import { join } from "node:path";

const bin = join(import.meta.dirname, "../../bin/crib");

/** Runs `crib` against a node; the socket is told by the environment, since what follows an image is the container's. */
function crib({ node }: ContainerNode, args: readonly string[], stdin = ""): Promise<Ended> {
  return runProgram([bin, ...args], { mayFail: true, stdin, env: { ...process.env, CRIB_SOCKET: node.socket } });
}

async function noPods(scene: ContainerNode): Promise<void> {
  deepEqual(await scene.node.list(), new Map());
}

test("run gives output, exit code and input to the byte, and leaves nothing", needsRoot, async (t: TestContext) => {
  const scene = await startContainerNode(t);
  const script = "echo out; echo err >&2; printf end; exit 7";
  deepEqual(await crib(scene, ["run", scene.busybox, "sh", "-c", script]), {
    exitCode: 7,
    stdout: "out\nend",
    stderr: "err\n",
  });
  await noPods(scene);
  const text = "x".repeat(100_000) + "\nlast";
  const echoed = await crib(scene, ["run", "-i", scene.busybox, "cat"], text);
  equal(echoed.stderr, "");
  ok(echoed.stdout === text);
  await noPods(scene);
});
