import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test } from "node:test";

import { runPodSandbox, type SandboxFlow } from "@crib/core/sandbox";

import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import type { PodConfig } from "../support/pod-config.ts";
import { startNode } from "../support/start-node.ts";

/** Where a fault strikes in a step, and what it does there. */
export const faultPoints = ["before", "inside", "after"] as const;
export const faultActions = ["fail", "hang", "kill"] as const;

type Point = (typeof faultPoints)[number];
type Action = (typeof faultActions)[number];

/** One call with a fault in it. */
interface FaultCase {
  readonly flow: string;
  readonly step: string;
  readonly point: Point;
  readonly action: Action;
  readonly handler: string;
}

/** Steps that start other programs, or write what was pulled. */
const laborious = new Set([
  "network.attach",
  "network.detach",
  "sandbox.start",
  "sandbox.stop",
  "sandbox.shutdown",
  "containers.stop",
  "layers.fetch",
  "layers.unpack",
  "layers.commit",
  "disk.sync",
]);

/** The budget of a step in its matrix: as short as can be said of one that hangs, and enough for one that works on a slow machine. */
export function stepBudget(step: string): string {
  // The first pause of a node makes its image.
  if (step === "sandbox.create") return "10s";
  return laborious.has(step) ? "4s" : "2s";
}

/**
 * Makes one test of each step of a flow: for each point, the step fails, hangs, or the daemon is killed there; the same
 * request, repeated, succeeds the first time; nothing is left. A point that is never reached fails the test too.
 * `handler` is that of the pods; `steps` limits the matrix to these steps.
 */
export function faultMatrix(
  flow: SandboxFlow,
  { handler = "", steps }: { readonly handler?: string; readonly steps?: readonly string[] } = {},
): void {
  for (const { name: step } of flow.steps.filter(({ name }) => steps?.includes(name) ?? true)) {
    test(`${flow.name}, ${step}${handler && ` (${handler})`}`, needsRoot, async (t) => {
      const node = await startNode(t, { config: () => ({ flow: { budgets: { [step]: stepBudget(step) } } }) });
      for (const point of faultPoints) {
        for (const action of faultActions) {
          await t.test(`${action} ${point}`, () =>
            withoutTraces(node, () => runCase(node, { flow: flow.name, step, point, action, handler })),
          );
        }
      }
    });
  }
}

/**
 * The same for taking back: each step of RunPodSandbox succeeds, then fails, and its undo fails twice, hangs once, or the
 * daemon is killed in it. The pod is listed NOTREADY and says why; a request for the same pod tries the undo again; then
 * a new pod has the name and nothing is left of the old one.
 */
export function undoMatrix(): void {
  for (const { name: step } of runPodSandbox.steps.filter(({ undo }) => undo !== undefined)) {
    test(`undo of RunPodSandbox, ${step}`, needsRoot, async (t) => {
      const node = await startNode(t, {
        config: () => ({ flow: { undo_budgets: { [step]: stepBudget(step) }, retry_min: "10m", retry_max: "10m" } }),
      });
      for (const point of faultPoints) {
        for (const action of faultActions) {
          await t.test(`${action} ${point}`, () => withoutTraces(node, () => runUndoCase(node, step, point, action)));
        }
      }
    });
  }
}

async function runUndoCase(node: Node, step: string, point: Point, action: Action): Promise<void> {
  const place = `RunPodSandbox/${step}`;
  const times = action === "fail" ? 2 : 1;
  node.inject(`${place}@after=fail*1;${place}!undo@${point}=${action}*${times}`);
  const config = node.podConfig();
  const run = async (): Promise<string> => (await node.cri.runtime.runPodSandbox({ config })).podSandboxId;
  for (let time = 1; time <= times; time++) await rejects(run());
  if (action === "kill") {
    equal((await node.daemon.ended).signal, "SIGKILL", `${point} the undo of ${step} was never reached`);
    await node.restart();
  } else {
    const [[id, state] = []] = [...(await node.list())];
    equal(state, "NOTREADY", `${point} the undo of ${step} was never reached`);
    const { problem } = await node.pod(id ?? "", config).info();
    equal(problem?.step, step);
    match(problem.message, action === "fail" ? /injected fault/ : /budget of \d+ ms/);
    equal(problem.attempts, times);
  }
  const pod = node.pod(await run(), config);
  deepEqual([...(await node.list())], [[pod.id, "READY"]]);
  await pod.remove();
  await expectNothingLeft(node);
}

async function runCase(node: Node, fault: FaultCase): Promise<void> {
  const { flow, step, point, action } = fault;
  node.inject(`${flow}/${step}@${point}=${action}*1`);
  const config = node.podConfig();
  await calls[flow]?.(node, config, fault);
  await expectNothingLeft(node);
}

/** Runs a case; one that failed does not spoil the next. */
async function withoutTraces(node: Node, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (reason) {
    await node.restart();
    await node.removeAllPods();
    throw reason;
  }
}

async function expectNothingLeft(node: Node): Promise<void> {
  deepEqual([...(await node.list()).keys()], []);
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
}

/** For each flow: what leads up to the call, the call with the fault, the same call again, and what leads away from it. */
const calls: Readonly<Record<string, (node: Node, config: PodConfig, fault: FaultCase) => Promise<void>>> = {
  async RunPodSandbox(node, config, fault) {
    const run = async (): Promise<string> =>
      (await node.cri.runtime.runPodSandbox({ config, runtimeHandler: fault.handler })).podSandboxId;
    await strike(node, fault, run);
    if (fault.action !== "kill") {
      deepEqual(await node.leftovers(), []);
      equal((await node.list()).size, 0);
    }
    const pod = node.pod(await run(), config, fault.handler);
    await pod.address();
    deepEqual([...(await node.list())], [[pod.id, "READY"]]);
    await pod.stop();
    await pod.remove();
  },
  async StopPodSandbox(node, config, fault) {
    const pod = await node.runPod({ change: () => config, handler: fault.handler });
    await strike(node, fault, pod.stop);
    await pod.stop();
    deepEqual([...(await node.list())], [[pod.id, "NOTREADY"]]);
    await pod.remove();
  },
  async RemovePodSandbox(node, config, fault) {
    const pod = await node.runPod({ change: () => config, handler: fault.handler });
    await pod.stop();
    await strike(node, fault, pod.remove);
    await pod.remove();
  },
};

/** Makes a call that the fault must end; after a kill the daemon is started again. */
async function strike(
  node: Node,
  { flow, step, point, action }: FaultCase,
  call: () => Promise<unknown>,
): Promise<void> {
  const neverStruck = `${point} ${step} was never reached: every step calls its midpoint`;
  if (action === "kill") {
    await rejects(call(), () => true, neverStruck);
    equal((await node.daemon.ended).signal, "SIGKILL");
    await node.restart();
    return;
  }
  await rejects(
    call(),
    (reason: Error) => {
      match(
        reason.message,
        action === "fail"
          ? new RegExp(`injected fault ${point} ${flow}/${step}`)
          : new RegExp(`budget of ${Number.parseInt(stepBudget(step), 10)}000 ms`),
      );
      return true;
    },
    neverStruck,
  );
}
