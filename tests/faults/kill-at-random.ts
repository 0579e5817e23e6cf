import { deepEqual, equal } from "node:assert/strict";
import type { TestContext } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { eventually, pause } from "../support/eventually.ts";
import { randomNumbers } from "../support/random.ts";

/** Milliseconds that a removal may meet daemons that are killed before something must be wrong. */
const insistMs = 90_000;

/** What is alive at a time, for the killer to choose from. */
interface Living {
  readonly podId: string;
  readonly hasPause: boolean;
  containerId?: string;
}

/** Daemons take their time to come back, and mostly one of them should be there. */
const targets = ["daemon", "shim", "shim", "pause", "pause", "container", "container", "container"] as const;

/** Milliseconds between kills at most. */
const longestMs = 250;

/** Milliseconds that a victim of the kind that was drawn is looked for. */
const lookMs = 3_000;

/**
 * Pods with a container come and go side by side, each call made once; meanwhile daemon, shims, pauses and containers are killed. In the
 * end everything that is still there can be removed, and nothing is left. The same seed chooses the same victims and pauses.
 */
export async function killAtRandom(
  t: TestContext,
  { kills, seed }: { readonly kills: number; readonly seed: number },
): Promise<void> {
  const target = await startContainerNode(t);
  const { node } = target;
  const random = randomNumbers(seed);
  const living = new Set<Living>();
  const done = new AbortController();
  const lives = ["", "paused", ""].map(async (handler) => {
    let ended = 0;
    while (!done.signal.aborted) {
      await live(target, handler, living);
      ended++;
    }
    return ended;
  });
  const counts = { daemon: 0, shim: 0, pause: 0, container: 0 };
  try {
    for (let kill = 0; kill < kills;) {
      await pause(random() * longestMs);
      const victim = targets[Math.floor(random() * targets.length)] ?? "daemon";
      const which = random();
      // Counted is only what was there to be killed.
      if (!(await strikeSoon(target, victim, living, which))) continue;
      counts[victim]++;
      kill++;
    }
  } finally {
    done.abort();
  }
  const ended = await Promise.all(lives);
  t.diagnostic(`${JSON.stringify(counts)}, ${ended.join(" + ")} pods`);
  await node.restart();
  await node.removeAllPods(insistMs);
  await eventually(30_000, async () => {
    deepEqual(await node.leftovers(), []);
    deepEqual(await node.leaks(), []);
  });
  equal((await node.cri.runtime.listContainers({})).containers.length, 0);
}

async function strikeSoon(
  target: ContainerNode,
  victim: (typeof targets)[number],
  living: ReadonlySet<Living>,
  which: number,
): Promise<boolean> {
  const end = performance.now() + lookMs;
  do {
    const all = [...living].filter(({ hasPause }) => hasPause || victim !== "pause");
    if (await strike(target, victim, all[Math.floor(which * all.length)])) return true;
    await pause(10);
  } while (performance.now() < end);
  return false;
}

/** Gives whether there was something to kill. */
async function strike(
  { node }: ContainerNode,
  victim: (typeof targets)[number],
  one: Living | undefined,
): Promise<boolean> {
  if (victim === "daemon") {
    await node.restart();
    return true;
  }
  if (!one) return false;
  try {
    const pid = await pidOf(node, victim, one);
    if (pid === undefined) return false;
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false; // it has gone by itself
  }
}

async function pidOf(
  node: ContainerNode["node"],
  victim: "shim" | "pause" | "container",
  { podId, hasPause, containerId }: Living,
): Promise<number | undefined> {
  if (victim === "shim") return shimOf(node, podId);
  if (victim === "container") {
    return containerId === undefined ? undefined : processesOf(node, { id: containerId, pod: { id: podId } })[0];
  }
  if (!hasPause) return undefined;
  const { info } = await node.cri.runtime.podSandboxStatus({ podSandboxId: podId, verbose: true });
  const { pid } = JSON.parse(info["info"] ?? "{}") as { readonly pid?: number };
  // None is known of a pod that is not ready.
  return pid === undefined || pid <= 1 ? undefined : pid;
}

/** One pod with one container; whichever call fails, the pod is removed then, as a kubelet would. */
async function live(target: ContainerNode, handler: string, living: Set<Living>): Promise<void> {
  const { node } = target;
  const config = node.podConfig();
  let one: Living | undefined;
  try {
    const { podSandboxId } = await node.cri.runtime.runPodSandbox({ config, runtimeHandler: handler });
    one = { podId: podSandboxId, hasPause: handler === "paused" };
    living.add(one);
    const container = await target.runContainer(node.pod(podSandboxId, config, handler));
    one.containerId = container.id;
    await container.execSync(["sh", "-c", "echo one; sleep 0.05; echo two"]);
    await container.stop(1);
    await container.remove();
  } catch {
    // A kill was in the way: what is there is the next one's to find.
  } finally {
    if (one) living.delete(one);
  }
  await eventually(insistMs, async () => {
    const { items } = await node.cri.runtime.listPodSandbox({});
    const mine = items.filter(({ metadata }) => metadata?.uid === config.metadata?.uid);
    for (const { id: podSandboxId } of mine) {
      await node.cri.runtime.removePodSandbox({ podSandboxId }).catch((reason: unknown) => {
        if (!hasCode(reason, Code.NotFound)) throw reason;
      });
    }
  });
}
