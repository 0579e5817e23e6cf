import { deepEqual, equal, match } from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { connectCri } from "@crib/cri-client";

import { importBenchImage } from "../../benchmarks/containers/bench-image.ts";
import { makeScratch } from "../../benchmarks/support/scratch.ts";
import { findContainerd, startContainerd } from "../../benchmarks/support/start-containerd.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf } from "../support/run-program.ts";
import { startNode } from "../support/start-node.ts";

const example = join(import.meta.dirname, "../../examples/run-a-pod.ts");

/** What the example prints, but for the pod's id and address. */
const expected = [
  "pod ID has address ADDRESS",
  "wc says 12 and exits with 0",
  "stdout: listening",
  "port 8080 says: hello from the pod",
  "the task has ended: Error, exit code 7",
];

async function runExample(image: string, socket: string): Promise<readonly string[]> {
  const said = await outputOf(process.execPath, example, image, `unix://${socket}`);
  return said
    .trimEnd()
    .replace(/pod [0-9a-f]{13} has address \d+\.\d+\.\d+\.\d+/, "pod ID has address ADDRESS")
    .split("\n");
}

test("run-a-pod.ts runs a pod on crib", needsRoot, async (t) => {
  const { node, busybox } = await startContainerNode(t);
  deepEqual(await runExample(busybox, node.socket), expected);
  equal((await node.list()).size, 0);
  deepEqual(await node.leftovers(), []);
});

const containerd = findContainerd();
const needsContainerd = containerd ? needsRoot : { skip: "no containerd is here; scripts/fetch-shims fetches it" };

test("run-a-pod.ts runs a pod on containerd", needsContainerd, async () => {
  if (!containerd) throw new Error("the test should have been skipped");
  await using scratch = makeScratch("10.249.0.0/24");
  await using server = await startContainerd(scratch, containerd);
  const [image = ""] = await importBenchImage(scratch, [server]);
  deepEqual(await runExample(image, server.socket), expected);
  await using cri = connectCri(server.socket);
  deepEqual((await cri.runtime.listPodSandbox({})).items, []);
  equal(existsSync(join(scratch.state, "containerd/io.containerd.runtime.v2.task/k8s.io")), true);
});

test("embed-crib.ts runs a daemon and a controller of its own in one process", needsRoot, async (t) => {
  const node = await startNode(t);
  const { lane, cniConfDir } = node;
  const program = join(example, "../embed-crib.ts");
  const flags = [`cniConfDir=${cniConfDir}`, `netnsDir=${join(lane.dir, "embedded-netns")}`];
  const said = await outputOf(process.execPath, program, join(lane.dir, "embedded"), ...flags);
  match(said, new RegExp(`^pod of handler mine has address ${lane.prefix.replaceAll(".", "\\.")}\\.\\d+\n$`));
  deepEqual(await node.leftovers(), []);
});
