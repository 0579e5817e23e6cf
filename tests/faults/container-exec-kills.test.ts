import { deepEqual, equal } from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test } from "node:test";

import { connectExec } from "@crib/streaming";
import { ContainerState } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { type HeldRuntime, heldRuntime, heldRuntimes } from "../support/containers/held-runtime.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { startSurvivor } from "../support/containers/survivor.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";

/** What the daemon is killed in. */
interface Scene {
  readonly node: Node;
  readonly container: Container;
  readonly runtime: HeldRuntime;
  /** Runs a command; settles whatever happens to it. */
  readonly exec: (command: readonly string[]) => Promise<void>;
}

const execsOf = ({ node, container }: Scene): readonly string[] => {
  const dir = join(node.state, "tasks", container.id, "exec");
  return existsSync(dir) ? readdirSync(dir) : [];
};

/** Where an exec is when the daemon is killed; `restart` is called in between where that matters, and it must be. */
const points: Readonly<Record<string, (scene: Scene, restart: () => Promise<void>) => Promise<void>>> = {
  async "before the shim knows of it, which learns of it afterwards"(scene, restart) {
    const { node, container, exec } = scene;
    const shim = shimOf(node, container.pod.id);
    process.kill(shim, "SIGSTOP");
    try {
      const call = exec(["sleep", "1000"]);
      await eventually(10_000, () => equal(execsOf(scene).length, 1));
      await node.kill();
      await call;
    } finally {
      process.kill(shim, "SIGCONT");
    }
    await restart();
  },
  // Its shim ends what it has begun for a caller that is gone.
  async "between its registration and its start"({ node, runtime, exec }, restart) {
    runtime.hold("exec");
    try {
      const call = exec(["sleep", "1000"]);
      await eventually(10_000, () => equal(runtime.held("exec").length, 1));
      await node.kill();
      await call;
      await restart();
    } finally {
      runtime.release("exec");
    }
  },
  async "when its process runs, before the shim knows of that"({ node, container, runtime, exec }, restart) {
    runtime.hold("after-exec");
    try {
      const call = exec(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"]);
      await eventually(10_000, () => equal(runtime.held("after-exec").length, 1));
      await eventually(10_000, () => equal(processesOf(node, container).length, 3));
      await node.kill();
      await call;
      await restart();
    } finally {
      runtime.release("after-exec");
    }
  },
  async "while it runs"(scene, restart) {
    const { node, container, exec } = scene;
    const call = exec(["sh", "-c", "trap '' TERM; sleep 1000 & sleep 1000"]);
    await eventually(10_000, () => equal(processesOf(node, container).length, 3));
    await node.kill();
    await call;
    await restart();
  },
  async "while it writes as fast as it can"(scene, restart) {
    const { node, container, exec } = scene;
    const call = exec(["sh", "-c", "yes; true"]);
    await eventually(10_000, () => equal(processesOf(node, container).length, 3));
    await node.kill();
    await call;
    await restart();
  },
};

const kinds: Readonly<Record<string, (node: Node, containerId: string, cmd: readonly string[]) => Promise<unknown>>> = {
  "an ExecSync": (node, containerId, cmd) => node.cri.runtime.execSync({ containerId, cmd: [...cmd], timeout: 600n }),
  async "a streaming exec"(node, containerId, cmd) {
    const request = { containerId, cmd: [...cmd], stdin: false, stdout: true, stderr: true, tty: false };
    const { url } = await node.cri.runtime.exec(request);
    const forget = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });
    await connectExec(url, { stdout: forget(), stderr: forget() }, new AbortController().signal);
  },
};

test("the daemon killed in an exec", needsRoot, async (t) => {
  const target = await startContainerNode(t, { config: (lane) => ({ runtimes: heldRuntimes(lane) }) });
  const { node } = target;
  const pod = await node.runPod({ handler: "held" });
  const survivor = await startSurvivor(target, pod);
  const { container } = survivor;
  const before = await node.leftovers();
  const [pid] = processesOf(node, container);
  for (const [kind, run] of Object.entries(kinds)) {
    for (const [point, strike] of Object.entries(points)) {
      await t.test(`${kind}, ${point}: nothing of it is left, and the container runs on`, async () => {
        const exec = async (command: readonly string[]): Promise<void> => {
          await run(node, container.id, command).catch(() => undefined);
        };
        const scene = { node, container, runtime: heldRuntime(node.lane), exec };
        try {
          await strike(scene, () => node.restart());
        } catch (reason) {
          await node.restart();
          throw reason;
        }
        equal((await container.status()).state, ContainerState.CONTAINER_RUNNING);
        // A shim that did not answer at once is asked again after some seconds.
        await eventually(30_000, () => {
          deepEqual(processesOf(node, container), [pid]);
          deepEqual(execsOf(scene), []);
        });
        await survivor.expectUnharmed();
        await eventually(5_000, async () => deepEqual(await node.leftovers(), before));
        deepEqual(await node.leaks(), []);
      });
    }
  }
});
