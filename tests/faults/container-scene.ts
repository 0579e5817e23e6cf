import { deepEqual, equal, rejects } from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { Code, hasCode } from "@crib/errdefs";

import { type ContainerNode, startContainerNode } from "../support/containers/container-node.ts";
import { startSurvivor, type Survivor } from "../support/containers/survivor.ts";
import { eventually } from "../support/eventually.ts";
import type { Node } from "../support/node.ts";
import type { Pod } from "../support/pod.ts";
import { within } from "../support/within.ts";

/** Milliseconds after which a daemon that should have been killed counts as one that was not. */
const killedMs = 60_000;

/** Retries of the daemon's own come too late to strike twice, however slow the machine is: whoever wants one asks for it. */
const lateRetries = { retry_min: "10m", retry_max: "10m" };

/** A node with one pod, in which a container lives through all the cases. */
export class ContainerScene {
  readonly target: ContainerNode;
  readonly pod: Pod;
  readonly survivor: Survivor;
  #entriesBefore: readonly string[] = [];
  #leftoversBefore: readonly string[] = [];
  #names = 0;

  private constructor(target: ContainerNode, pod: Pod, survivor: Survivor) {
    this.target = target;
    this.pod = pod;
    this.survivor = survivor;
  }

  static async start(t: TestContext): Promise<ContainerScene> {
    const target = await startContainerNode(t, {
      config: () => ({ flow: { ...lateRetries, budgets: {}, undo_budgets: {} } }),
    });
    const pod = await target.node.runPod();
    const scene = new ContainerScene(target, pod, await startSurvivor(target, pod));
    await scene.survivor.expectUnharmed();
    scene.#entriesBefore = scene.#entries();
    scene.#leftoversBefore = await scene.node.leftovers();
    return scene;
  }

  get node(): Node {
    return this.target.node;
  }

  /** A name that no container of this node had. */
  newName(): string {
    return `app-${++this.#names}`;
  }

  /** Starts the daemon anew; one step may have a budget of its own, `budgets` for its work or `undo_budgets`. */
  async restart(
    options: {
      readonly faults?: string;
      readonly budget?: { readonly of: "budgets" | "undo_budgets"; readonly step: string; readonly time: string };
    } = {},
  ): Promise<void> {
    const { faults, budget } = options;
    const flow = {
      ...lateRetries,
      budgets: {},
      undo_budgets: {},
      ...(budget && { [budget.of]: { [budget.step]: budget.time } }),
    };
    this.#configure(flow);
    await this.node.restart(faults === undefined ? {} : { faults });
  }

  /** Makes a call in which the daemon is killed. */
  async killedIn(call: () => Promise<unknown>): Promise<void> {
    await rejects(call(), () => true, "the kill was never reached: every step calls its midpoint");
    await this.killed();
  }

  /** Waits until the daemon was killed by its fault. */
  async killed(): Promise<void> {
    // One that lives on would be waited for in vain.
    const ended = await within(killedMs, this.node.daemon.ended);
    equal(ended?.signal, "SIGKILL", "the kill was never reached: every step calls its midpoint");
  }

  /** Nothing is left of any container but the survivor, and it has noticed nothing. What a new daemon takes back it does in the background. */
  async expectOnlySurvivor(): Promise<void> {
    await this.survivor.expectUnharmed();
    await eventually(20_000, async () => {
      // What costs least is looked at first, and often tells that it is too early for the rest.
      const { containers } = await this.node.cri.runtime.listContainers({});
      deepEqual(
        containers.map(({ id }) => id),
        [this.survivor.container.id],
      );
      deepEqual(changes(this.#entriesBefore, this.#entries()), []);
      deepEqual(changes(this.#leftoversBefore, await this.node.leftovers()), []);
      deepEqual(await this.node.leaks(), []);
    });
  }

  /** Removes all other containers after a case that failed, so that it does not spoil the next. */
  async clear(): Promise<void> {
    await this.restart();
    await eventually(30_000, async () => {
      const { runtime } = this.node.cri;
      const { containers } = await runtime.listContainers({});
      const others = containers.filter(({ id }) => id !== this.survivor.container.id);
      for (const { id: containerId } of others) {
        await runtime.removeContainer({ containerId }).catch((reason: unknown) => {
          if (!hasCode(reason, Code.NotFound)) throw reason;
        });
      }
    });
  }

  /** What there is in the directories of this node's containers. */
  #entries(): readonly string[] {
    const { root, state } = this.node;
    const io = join(state, "tasks", this.survivor.container.id);
    const dirs = [
      join(root, "containers"),
      join(state, "tasks"),
      io,
      join(io, "exec"),
      join(io, "io"),
      "/run/containerd/runc/k8s.io",
    ];
    const entries = dirs.flatMap((dir) => list(dir).map((name) => join(dir, name)));
    return entries.filter((path) => !path.startsWith("/run/containerd") || path.endsWith(this.node.instance));
  }

  #configure(flow: Readonly<Record<string, string | Readonly<Record<string, string>>>>): void {
    const inline = JSON.stringify(flow).replaceAll(/"([a-z_.]+)":/g, '"$1" = ');
    const text = readFileSync(this.node.configFile, "utf8");
    writeFileSync(this.node.configFile, text.replace(/^"flow" = .*$/m, `"flow" = ${inline}`));
  }
}

function changes(before: readonly string[], now: readonly string[]): readonly string[] {
  return [
    ...now.filter((line) => !before.includes(line)).map((line) => `+ ${line}`),
    ...before.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
  ];
}

function list(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw reason;
  }
}
