import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type ContainerFlow, createContainer } from "@crib/core/containers";
import { Code } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import { eventually, pause } from "../support/eventually.ts";
import { busyboxImage } from "../support/images/busybox.ts";
import { startImageNode } from "../support/images/image-node.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import type { Pod } from "../support/pod.ts";
import { faultActions, faultPoints } from "./fault-matrix.ts";

type Action = (typeof faultActions)[number];

const { CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** A container that ends with 3 when it is asked to. */
const script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done";

/** One container of one pod, with a fault in one of its calls. */
class Case {
  readonly node: Node;
  readonly pod: Pod;
  readonly action: Action;
  readonly #image: string;
  id = "";

  constructor(node: Node, pod: Pod, image: string, action: Action) {
    this.node = node;
    this.pod = pod;
    this.#image = image;
    this.action = action;
  }

  async create(): Promise<void> {
    const config = {
      metadata: { name: "app", attempt: 0 },
      image: { image: this.#image },
      command: ["/bin/sh", "-c", script],
      logPath: "app.log",
    };
    const request = { podSandboxId: this.pod.id, config, sandboxConfig: this.pod.config };
    this.id = (await this.node.cri.runtime.createContainer(request)).containerId;
  }

  async start(): Promise<void> {
    await this.node.cri.runtime.startContainer({ containerId: this.id });
    await eventually(5_000, () =>
      match(readFileSync(join(this.pod.config.logDirectory ?? "", "app.log"), "utf8"), /ready/),
    );
  }

  async stop(): Promise<void> {
    await this.node.cri.runtime.stopContainer({ containerId: this.id, timeout: 10n });
  }

  async remove(): Promise<void> {
    await this.node.cri.runtime.removeContainer({ containerId: this.id });
  }

  async update(): Promise<void> {
    await this.node.cri.runtime.updateContainerResources({ containerId: this.id, linux: { cpuShares: 300n } });
  }

  async status(): Promise<{ readonly state: ContainerState; readonly exitCode: number; readonly reason: string }> {
    const { status } = await this.node.cri.runtime.containerStatus({ containerId: this.id });
    if (!status) throw new Error(`container ${this.id} has no status`);
    return status;
  }

  /** Makes a call that the fault must end; after a kill the daemon is started again. */
  async strike(call: () => Promise<unknown>): Promise<void> {
    const neverStruck = "the fault was never reached: every step calls its midpoint";
    if (this.action === "kill") {
      await rejects(call(), () => true, neverStruck);
      // One that lives on would be waited for in vain.
      const ended = await Promise.race([this.node.daemon.ended, pause(10_000)]);
      equal(ended?.signal, "SIGKILL", neverStruck);
      await this.node.restart();
      return;
    }
    await rejects(
      call(),
      (reason: Error) => {
        match(reason.message, /injected fault|budget of \d+ ms/);
        return true;
      },
      neverStruck,
    );
  }
}

/** For each flow: what leads up to the call, the call with the fault, the same call again, and what leads away from it. */
const calls: Readonly<Record<string, (one: Case) => Promise<void>>> = {
  async CreateContainer(one) {
    await one.strike(() => one.create());
    await one.create();
    await one.start();
    await one.stop();
    equal((await one.status()).exitCode, 3);
  },
  async StartContainer(one) {
    await one.create();
    await one.strike(() => one.start());
    // After a kill it runs or has not been started: whichever is true.
    await eventually(10_000, async () => {
      const { state } = await one.status();
      equal(
        state === CONTAINER_EXITED || (one.action === "kill" && state === CONTAINER_RUNNING),
        true,
        `state ${state}`,
      );
    });
    const { state, exitCode, reason } = await one.status();
    if (state === CONTAINER_EXITED) deepEqual([exitCode, reason], [128, "StartError"]);
    await rejects(one.start(), { code: Code.FailedPrecondition });
    await one.stop();
  },
  async StopContainer(one) {
    await one.create();
    await one.start();
    await one.strike(() => one.stop());
    await one.stop();
    const { state, exitCode } = await one.status();
    deepEqual([state, exitCode], [CONTAINER_EXITED, 3]);
  },
  async EndContainer(one) {
    await calls["StopContainer"]?.(one);
  },
  async RemoveContainer(one) {
    await one.create();
    await one.start();
    await one.strike(() => one.remove());
  },
  async UpdateContainerResources(one) {
    await one.create();
    await one.start();
    await one.strike(() => one.update());
    equal((await one.status()).state, CONTAINER_RUNNING);
    await one.update();
    await one.stop();
    equal((await one.status()).exitCode, 3);
  },
};

/**
 * Makes one test of each step of a flow: for each point, the step fails, hangs, or the daemon is killed there; the same
 * request, repeated, succeeds the first time; what ran goes on; nothing is left.
 */
export function containerFaultMatrix(flow: ContainerFlow): void {
  for (const { name: step } of flow.steps) {
    test(`${flow.name}, ${step}`, needsRoot, async (t) => {
      const run = await scene(t, { budgets: { [step]: "1s" }, retry_min: "100ms" });
      await forEachFault(t, async (point, action) =>
        run(`${flow.name}/${step}@${point}=${action}*1`, action, async (one) => calls[flow.name]?.(one)),
      );
    });
  }
}

/** The same for taking back: each step of CreateContainer succeeds, then fails, and its undo fails twice, hangs once, or the daemon is killed in it. */
export function containerUndoMatrix(): void {
  for (const { name: step } of createContainer.steps.filter(({ undo }) => undo !== undefined)) {
    test(`undo of CreateContainer, ${step}`, needsRoot, async (t) => {
      const run = await scene(t, { undo_budgets: { [step]: "500ms" }, retry_min: "30s" });
      await forEachFault(t, async (point, action) => {
        const times = action === "fail" ? 2 : 1;
        const place = `CreateContainer/${step}`;
        await run(`${place}@after=fail*1;${place}!undo@${point}=${action}*${times}`, action, async (one) => {
          for (let time = 1; time < times; time++) await rejects(one.create());
          await one.strike(() => one.create());
          await one.create();
        });
      });
    });
  }
}

type Run = (faults: string, action: Action, work: (one: Case) => Promise<void>) => Promise<void>;

async function scene(
  t: TestContext,
  flow: Readonly<Record<string, string | Readonly<Record<string, string>>>>,
): Promise<Run> {
  const { node, serve, images } = await startImageNode(t, { config: () => ({ flow }) });
  const image = serve(busyboxImage());
  await images.pull(image);
  return async (faults, action, work) => {
    try {
      await node.restart({ faults });
      const one = new Case(node, await node.runPod(), image, action);
      await work(one);
      await one.remove();
      equal((await node.cri.runtime.listContainers({})).containers.length, 0);
      await one.pod.stop();
      await one.pod.remove();
      deepEqual(await node.leftovers(), []);
      deepEqual(await node.leaks(), []);
    } catch (reason) {
      await node.restart();
      await node.removeAllPods();
      throw reason;
    }
  };
}

async function forEachFault(
  t: TestContext,
  run: (point: (typeof faultPoints)[number], action: Action) => Promise<void>,
): Promise<void> {
  for (const point of faultPoints) {
    for (const action of faultActions) await t.test(`${action} ${point}`, () => run(point, action));
  }
}
