import { deepEqual, equal } from "node:assert/strict";
import type { TestContext } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { processesOf } from "../support/containers/processes-of.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { eventually, pause } from "../support/eventually.ts";
import { randomNumbers } from "../support/random.ts";
import type { ExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";

/** Milliseconds that a removal may meet daemons that are killed before something must be wrong. */
const insistMs = 90_000;

/** What is alive at a time, for the killer to choose from. */
interface Living {
  readonly podId: string;
  readonly hasPause: boolean;
  containerId?: string;
}

/** What can be killed. */
type Victim = "daemon" | "sandboxer" | "tasks" | "shim" | "pause" | "container";

/** Daemons take their time to come back, and mostly one of them should be there. */
const usualTargets: readonly Victim[] = [
  "daemon",
  "shim",
  "shim",
  "pause",
  "pause",
  "container",
  "container",
  "container",
];

/** The same where a sandboxer has the pods. */
const sandboxerTargets: readonly Victim[] = ["daemon", "sandboxer", "sandboxer", "tasks", "container"];

/** Milliseconds between kills at most. */
const longestMs = 250;

/** Milliseconds that a victim of the kind that was drawn is looked for. */
const lookMs = 3_000;

/** How it is done. */
interface RandomKills {
  readonly kills: number;
  readonly seed: number;
  /** Has the pods, and is killed too. Default: pods with and without a pause in shims of their own. */
  readonly sandboxer?: ExampleSandboxer;
}

/** Where kills strike. */
interface Field extends ContainerNode {
  readonly sandboxer: ExampleSandboxer | undefined;
}

/**
 * Pods with a container come and go side by side, each call made once; meanwhile daemon, shims, pauses and containers are killed, or daemon,
 * sandboxer, its task server and containers. In the
 * end everything that is still there can be removed, and nothing is left. The same seed chooses the same victims and pauses.
 */
export async function killAtRandom(t: TestContext, { kills, seed, sandboxer }: RandomKills): Promise<void> {
  const target: Field = { ...(await startContainerNode(t, configFor(sandboxer))), sandboxer };
  const { node } = target;
  const targets = sandboxer ? sandboxerTargets : usualTargets;
  const random = randomNumbers(seed);
  const living = new Set<Living>();
  const done = new AbortController();
  const handlers = sandboxer ? ["spaces", "spaces", "spaces"] : ["", "paused", ""];
  const lives = handlers.map(async (handler) => {
    let ended = 0;
    while (!done.signal.aborted) {
      await live(target, handler, living);
      ended++;
    }
    return ended;
  });
  const counts: Partial<Record<Victim, number>> = {};
  try {
    for (let kill = 0; kill < kills;) {
      await pause(random() * longestMs);
      const victim = targets[Math.floor(random() * targets.length)] ?? "daemon";
      const which = random();
      // Counted is only what was there to be killed.
      if (!(await strikeSoon(target, victim, living, which))) continue;
      counts[victim] = (counts[victim] ?? 0) + 1;
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
    deepEqual(sandboxer?.leftovers(node.instance) ?? [], []);
  });
  equal((await node.cri.runtime.listContainers({})).containers.length, 0);
}

function configFor(sandboxer: ExampleSandboxer | undefined): Parameters<typeof startContainerNode>[1] {
  if (!sandboxer) return {};
  const config = {
    runtimes: { spaces: { controller: "spaces" } },
    sandboxers: { spaces: { address: sandboxer.address } },
  };
  return { config: () => config };
}

async function strikeSoon(target: Field, victim: Victim, living: ReadonlySet<Living>, which: number): Promise<boolean> {
  const end = performance.now() + lookMs;
  do {
    const all = [...living].filter(({ hasPause }) => hasPause || victim !== "pause");
    if (await strike(target, victim, all[Math.floor(which * all.length)])) return true;
    await pause(10);
  } while (performance.now() < end);
  return false;
}

/** Gives whether there was something to kill. */
async function strike({ node, sandboxer }: Field, victim: Victim, one: Living | undefined): Promise<boolean> {
  if (victim === "daemon") {
    await node.restart();
    return true;
  }
  if (victim === "sandboxer") {
    await sandboxer?.end("SIGKILL");
    await sandboxer?.start();
    return true;
  }
  try {
    const pid = victim === "tasks" ? sandboxer?.taskServerPid() : one && (await pidOf(node, victim, one));
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
