import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Below what a request may have in all: what it says is looked at. */
const size = 3 * 2 ** 20;

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/** Configurations of about 3 MiB, each hostile in its own way. */
const hostile: Readonly<Record<string, Partial<ContainerConfig>>> = {
  "one argument of 3 MiB": { command: ["sh", "-c", "x".repeat(size)] },
  "150,000 arguments": { args: many(150_000, (index) => `${index}`) },
  "one variable of 3 MiB": { envs: [{ key: "A", value: Buffer.alloc(size, "x") }] },
  "one label of 3 MiB": { labels: { a: "x".repeat(size) } },
  "a name of 3 MiB": { metadata: { name: "x".repeat(size), attempt: 0 } },
  "a log path of 3 MiB": { logPath: "a/".repeat(size / 2) },
  "a working directory of 3 MiB": { workingDir: `/${"a/".repeat(size / 2)}` },
  "a mount at a path of 3 MiB": { mounts: [{ hostPath: "/tmp", containerPath: `/${"a/".repeat(size / 2)}` }] },
  "40,000 mounts of nothing": {
    mounts: many(40_000, (index) => ({ hostPath: `/no/such/${index}`, containerPath: `/${index}` })),
  },
};

test("requests for containers and commands of 3 MiB are refused for what they say", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node } = scene;
  const pod = await node.runPod();
  const container = await scene.runContainer(pod);
  const check = async (name: string, attack: () => Promise<unknown>): Promise<void> => {
    await t.test(name, async (t) => {
      const memory = watchPeakMemory(node.daemon.pid);
      await rejects(attack(), (reason: StatusError) => {
        t.diagnostic(`${reason.code}: ${reason.message.slice(0, 100)}`);
        return reason.code === Code.InvalidArgument;
      });
      t.diagnostic(`${Math.round(memory.growth())} MiB more at the peak`);
      ok(memory.growth() < 128, `${memory.growth()} MiB`);
      equal(await container.sh("echo served"), "served\n");
      scene.expectUnharmed();
    });
  };
  for (const [name, change] of Object.entries(hostile)) {
    await check(name, () => scene.createContainer(pod, { change: (config) => ({ ...config, ...change }) }));
  }
  await check("a command of one argument of 3 MiB", () => container.execSync(["echo", "x".repeat(size)]));
  await check("a command of 150,000 arguments", () => container.execSync(many(150_000, (index) => `${index}`)));
  deepEqual(
    (await node.cri.runtime.listContainers({})).containers.map(({ id }) => id),
    [container.id],
  );
});
