import { deepEqual, ok } from "node:assert/strict";
import { test } from "node:test";

import type { MessageShape } from "@bufbuild/protobuf";
import type { ContainerStatsSchema } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const containersPerPod = 4;

type Stats = MessageShape<typeof ContainerStatsSchema>;

/** What an entry of a list of statistics lacks; a container that has ended uses no CPU time and no memory. */
function missingIn({ attributes, cpu, memory, writableLayer }: Stats): readonly string[] {
  const { id } = attributes ?? {};
  const figures = { cpu: cpu?.usageCoreNanoSeconds, memory: memory?.workingSetBytes };
  const isPartly = (figures.cpu === undefined) !== (figures.memory === undefined);
  return [
    ...(id === undefined ? ["an entry has no attributes"] : []),
    ...(writableLayer?.usedBytes === undefined ? [`${id} has no writable layer`] : []),
    ...(isPartly ? [`${id} has only one of CPU time and memory`] : []),
  ];
}

test(
  "statistics while containers and pods are removed: no error, no half of an entry, nothing that is gone",
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t);
    const { node } = scene;
    const { runtime } = node.cri;
    const problems: string[] = [];
    const gone = new Set<string>();
    /** One of the calls; what was gone before it began must not be in it. */
    const look = async (call: () => Promise<readonly Stats[]>): Promise<number> => {
      const before = new Set(gone);
      const found = await call();
      for (const entry of found) {
        problems.push(...missingIn(entry));
        if (before.has(`${entry.attributes?.id}`)) problems.push(`${entry.attributes?.id} is listed after its removal`);
      }
      return found.length;
    };
    const listContainers = async (): Promise<readonly Stats[]> => (await runtime.listContainerStats({})).stats;
    const listPods = async (): Promise<readonly Stats[]> => {
      const before = new Set(gone);
      const { stats } = await runtime.listPodSandboxStats({});
      for (const { attributes, linux } of stats) {
        if (before.has(`${attributes?.id}`)) problems.push(`pod ${attributes?.id} is listed after its removal`);
        const { cpu, memory, network } = linux ?? {};
        if (!cpu?.usageCoreNanoSeconds || !memory?.workingSetBytes || network?.defaultInterface?.name !== "eth0")
          problems.push(`pod ${attributes?.id} is half there`);
      }
      return stats.flatMap(({ linux }) => linux?.containers ?? []);
    };

    const staying = await node.runPod();
    const leaving = await node.runPod();
    const containers = await Promise.all(
      [staying, leaving].flatMap((pod) => Array.from({ length: containersPerPod }, () => scene.runContainer(pod))),
    );
    // Writable layers are measured in the background, and then known for good.
    await eventually(30_000, async () => deepEqual((await listContainers()).flatMap(missingIn), []));
    const removed = new AbortController();
    let looks = 0;
    const loop = async (call: () => Promise<readonly Stats[]>): Promise<void> => {
      while (!removed.signal.aborted) {
        await look(call);
        looks += 1;
      }
    };
    const loops = Promise.all([loop(listContainers), loop(listContainers), loop(listPods), loop(listPods)]);
    try {
      // Those of one pod one by one while they run, the other with all that it has.
      for (const container of containers.slice(0, containersPerPod)) {
        await container.remove();
        gone.add(container.id);
      }
      await leaving.remove();
      for (const id of [leaving.id, ...containers.slice(containersPerPod).map((container) => container.id)])
        gone.add(id);
      const before = looks;
      await eventually(20_000, () => ok(looks >= before + 8));
    } finally {
      removed.abort();
      await loops;
    }
    t.diagnostic(`${looks} lists during ${containersPerPod} removals of containers and one of their pod`);
    deepEqual(problems, []);
    await staying.remove();
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  },
);
