import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { eventually, pause } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";

/** A way to end, with the exit that must be told. */
interface Ending {
  /** What it does once `/go/now` is there. */
  readonly last: string;
  /** What is sent to its first process just before. */
  readonly signal?: NodeJS.Signals;
  readonly memoryLimit?: bigint;
  readonly exitCode: number;
  readonly reason: string;
}

const MiB = 1024n * 1024n;

const endings: readonly Ending[] = [
  { last: "exit 0", exitCode: 0, reason: "Completed" },
  { last: "exit 3", exitCode: 3, reason: "Error" },
  {
    last: "exec dd if=/dev/zero of=/dev/null bs=64M count=1",
    memoryLimit: 16n * MiB,
    exitCode: 137,
    reason: "OOMKilled",
  },
  { last: "sleep 1000", signal: "SIGTERM", exitCode: 143, reason: "Error" },
  { last: "sleep 1000", signal: "SIGKILL", exitCode: 137, reason: "Error" },
];

function run(target: ContainerNode, pod: Pod, ending: Ending, hostPath: string): Promise<Container> {
  const script = `trap 'exit 143' TERM; echo ready; until test -e /go/now; do sleep 0.1; done; ${ending.last}`;
  return target.runContainer(pod, {
    script,
    change: (config) => ({
      ...config,
      mounts: [{ containerPath: "/go", hostPath, readonly: true }],
      ...(ending.memoryLimit === undefined ? {} : { linux: { resources: { memoryLimitInBytes: ending.memoryLimit } } }),
    }),
  });
}

test(
  "20 containers that end while no daemon runs: each has its exit code, its reason and the time of its end",
  needsRoot,
  async (t) => {
    const target = await startContainerNode(t);
    const { node } = target;
    const pods = await Promise.all(["", "paused"].map((handler) => node.runPod({ handler })));
    const go = join(node.lane.dir, "go");
    mkdirSync(go);
    const all = await Promise.all(
      endings.flatMap((ending) =>
        [...pods, ...pods].map(async (pod) => {
          const container = await run(target, pod, ending, go);
          const [pid = 0] = processesOf(node, container);
          return { ending, container, pid };
        }),
      ),
    );
    // A first process that has no trap yet does not hear SIGTERM.
    for (const { container } of all) await eventually(10_000, async () => equal((await container.log()).length, 1));
    await node.kill();
    const from = Date.now();
    // Before the others, since a shell runs its trap only when the command that it waits for has ended.
    for (const { ending, pid } of all) if (ending.signal !== undefined) process.kill(pid, ending.signal);
    writeFileSync(join(go, "now"), "");
    await eventually(30_000, () =>
      deepEqual(
        all.flatMap(({ container }) => processesOf(node, container)),
        [],
      ),
    );
    const until = Date.now();
    // Longer than the clocks of kernel and shim can be apart.
    await pause(500);
    await node.restart();
    for (const { ending, container } of all) {
      const { exitCode, reason, finishedAt } = await container.ended();
      deepEqual([exitCode, reason], [ending.exitCode, ending.reason], ending.last);
      const finishedMs = Number(finishedAt / 1_000_000n);
      ok(finishedMs >= from - 5 && finishedMs <= until + 250, `${finishedMs} is not between ${from} and ${until}`);
    }
    deepEqual(await node.leaks(), []);
    await Promise.all(pods.map((pod) => pod.remove()));
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  },
);
