import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { eventually, pause } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Pod } from "../support/pod.ts";
import { type ExampleSandboxer, startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";
import { SandboxKillScene } from "./sandbox-kill-scene.ts";

/** What is done while calls are held at every point of every step that talks to the sandboxer or its tasks. */
interface Strike {
  readonly name: string;
  readonly run: (scene: SandboxKillScene, sandboxer: ExampleSandboxer) => Promise<void>;
  /** Whether the process that runs tasks is killed, and containers with it. */
  readonly endsTasks: boolean;
}

const strikes: readonly Strike[] = [
  {
    name: "the sandboxer, which is back before anybody asks",
    async run(scene, sandboxer) {
      await sandboxer.end("SIGKILL");
      await sandboxer.start();
      scene.letGo();
    },
    endsTasks: false,
  },
  {
    name: "the sandboxer, which is back when everybody has asked",
    async run(scene, sandboxer) {
      await sandboxer.end("SIGKILL");
      scene.letGo();
      await scene.ended();
      await sandboxer.start();
    },
    endsTasks: false,
  },
  {
    name: "the sandboxer, in the midst of calls",
    async run(scene, sandboxer) {
      process.kill(sandboxer.pid, "SIGSTOP");
      scene.letGo();
      // Nothing tells when calls are at a process that does not run.
      await pause(500);
      await sandboxer.end("SIGKILL");
      await sandboxer.start();
    },
    endsTasks: false,
  },
  {
    name: "the process that runs tasks",
    async run(scene, sandboxer) {
      await killTaskServer(sandboxer);
      scene.letGo();
    },
    endsTasks: true,
  },
  {
    name: "both of them",
    async run(scene, sandboxer) {
      await killTaskServer(sandboxer);
      await sandboxer.end("SIGKILL");
      scene.letGo();
      await scene.ended();
      await sandboxer.start();
    },
    endsTasks: true,
  },
  {
    name: "the daemon",
    async run(scene) {
      await scene.node.restart();
    },
    endsTasks: false,
  },
  {
    name: "the daemon and the sandboxer, which comes back later",
    async run(scene, sandboxer) {
      await Promise.all([scene.node.kill(), sandboxer.end("SIGKILL")]);
      await scene.node.restart();
      await expectPending(scene);
      await sandboxer.start();
    },
    endsTasks: false,
  },
  {
    name: "all three",
    async run(scene, sandboxer) {
      await killTaskServer(sandboxer);
      await Promise.all([scene.node.kill(), sandboxer.end("SIGKILL")]);
      await sandboxer.start();
      await scene.node.restart();
    },
    endsTasks: true,
  },
];

test("killed while calls are held in each step", needsRoot, async (t) => {
  const sandboxer = await startExampleSandboxer(t);
  const scene = await SandboxKillScene.start(t, "ns", {
    runtimes: { ns: { controller: "spaces" } },
    sandboxers: { spaces: { address: sandboxer.address } },
  });
  for (const { name, run, endsTasks } of strikes) {
    await t.test(name, async () => {
      try {
        await scene.hold();
        await run(scene, sandboxer);
        await expectTold(scene);
        equal((await scene.node.list()).get(scene.host.id), "READY");
        await (endsTasks ? scene.expectWitnessEnded() : scene.expectWitness());
        await scene.converge();
        await scene.expectNothingLeft(() => sandboxer.leftovers(scene.node.instance));
      } catch (reason) {
        if (!isRunning(sandboxer.pid)) await sandboxer.start();
        await scene.clear();
        throw reason;
      }
    });
  }
});

async function killTaskServer(sandboxer: ExampleSandboxer): Promise<void> {
  const pid = sandboxer.taskServerPid();
  ok(pid !== undefined, "no process runs tasks");
  process.kill(pid, "SIGKILL");
  await eventually(10_000, () => equal(isRunning(pid), false));
}

/** The sandboxer tells of the host again. */
async function expectTold({ host }: SandboxKillScene): Promise<void> {
  await eventually(30_000, async () => equal(await pendingOf(host), undefined));
}

/** Nobody can tell of the host, which has not ended for that. */
async function expectPending({ node, host }: SandboxKillScene): Promise<void> {
  ok(await pendingOf(host));
  equal((await host.info()).exit, undefined);
  equal((await node.list()).get(host.id), "READY");
}

async function pendingOf(pod: Pod): Promise<unknown> {
  return ((await pod.info()) as unknown as { readonly pending?: unknown }).pending;
}
