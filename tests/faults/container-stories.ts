import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readFile } from "node:fs/promises";

import type { ContainerFlow, ContainerRecord } from "@crib/core/containers";
import { Code } from "@crib/errdefs";
import { ContainerState } from "@crib/wire/cri";

import type { Container } from "../support/containers/container.ts";
import { eventually } from "../support/eventually.ts";
import { isRunning } from "../support/is-running.ts";
import type { ContainerScene } from "./container-scene.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** What verbose status tells. */
interface Info {
  readonly timings: ContainerRecord["runs"];
  readonly problem?: { readonly message: string };
}

/** A container that ends with 3 when it is asked to. */
const script = "trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.1; done";

/** One container of a scene, from before it is created. */
export class Subject {
  readonly scene: ContainerScene;
  readonly #name: string;
  #container: Container | undefined;

  constructor(scene: ContainerScene) {
    this.scene = scene;
    this.#name = scene.newName();
  }

  get container(): Container {
    if (!this.#container) throw new Error(`container ${this.#name} was never created`);
    return this.#container;
  }

  /** The same request each time. */
  async create(): Promise<void> {
    const { target, pod } = this.scene;
    this.#container = await target.createContainer(pod, { name: this.#name, script });
  }

  start(): Promise<void> {
    return this.container.start();
  }

  /** Waits until its task was made ahead, or was not: then fails with what stood in the way, or because the daemon was killed. */
  async expectAhead(): Promise<void> {
    const { daemon } = this.scene.node;
    const run = await eventually(20_000, async () => {
      if (!isRunning(daemon.pid)) return { problem: { message: "the daemon was killed" }, steps: [] };
      const { timings, problem } = (await this.container.info()) as unknown as Info;
      const undone = timings.find(({ flow }) => flow === "undo CreateTask");
      const made = timings.find(({ flow }) => flow === "CreateTask");
      // What could not be taken back is kept with the problem, which comes after the run.
      const isOver = made?.outcome === "done" || undone?.outcome === "done" || problem !== undefined;
      if (!made || !isOver) throw new Error("the run has not ended");
      return { ...made, problem };
    });
    const failed = run.problem?.message ?? run.steps.find(({ error }) => error !== undefined)?.error;
    if (failed !== undefined) throw new Error(failed);
  }

  /** It was never started, whatever has happened to it. */
  async expectCreated(): Promise<void> {
    equal((await this.container.status()).state, CONTAINER_CREATED);
  }

  async run(): Promise<void> {
    await this.create();
    await this.start();
    await this.expectReady();
  }

  async expectReady(): Promise<void> {
    const { logPath } = await this.container.status();
    await eventually(10_000, async () => ok((await readFile(logPath, "utf8")).endsWith(" stdout F ready\n")));
  }

  stop(): Promise<void> {
    return this.container.stop(60);
  }

  async update(): Promise<void> {
    const { runtime } = this.scene.node.cri;
    await runtime.updateContainerResources({ containerId: this.container.id, linux: { cpuShares: 300n } });
  }

  async expectEnded(exitCode: number, reason: string): Promise<void> {
    const status = await this.container.status();
    deepEqual([status.state, status.exitCode, status.reason], [CONTAINER_EXITED, exitCode, reason]);
  }
}

/** A call of a flow: what leads up to it, the call itself, and what must be true once it was struck and is repeated. */
export interface Story {
  readonly prepare: (subject: Subject) => Promise<void>;
  readonly call: (subject: Subject) => Promise<void>;
  /** `killed`: the daemon was, so that the call may have done its work. */
  readonly after: (subject: Subject, killed: boolean) => Promise<void>;
  /** What the next daemon does with a call in which one was killed. */
  readonly recovery: ContainerFlow["recover"];
  /** Faults that strike besides. */
  readonly given?: string;
}

/** Nothing is made ahead, so that a start does all of it. */
const unaided = "CreateTask/io.open@before=fail";

const stop: Story = {
  prepare: (subject) => subject.run(),
  call: (subject) => subject.stop(),
  async after(subject) {
    await subject.stop();
    await subject.expectEnded(3, "Error");
    await subject.container.remove();
  },
  recovery: "finish",
};

const start: Story = {
  prepare: (subject) => subject.create(),
  call: (subject) => subject.start(),
  async after(subject, killed) {
    const { container } = subject;
    // After a kill it runs or was not started: whichever is true.
    const { state } = await eventually(20_000, async () => {
      const status = await container.status();
      ok(status.state === CONTAINER_EXITED || (killed && status.state === CONTAINER_RUNNING), `state ${status.state}`);
      return status;
    });
    await rejects(container.start(), { code: Code.FailedPrecondition });
    if (state === CONTAINER_EXITED) await subject.expectEnded(128, "StartError");
    else {
      // What it said at once may be lost with the daemon that had read it.
      equal((await container.execSync(["true"])).exitCode, 0);
      await subject.stop();
      await subject.expectEnded(3, "Error");
      equal((await container.log()).at(-1)?.text, "asked");
    }
    await container.remove();
  },
  recovery: "settle",
};

/** By the names of the flows. */
export const stories: Readonly<Record<string, readonly [Story, ...Story[]]>> = {
  CreateContainer: [
    {
      prepare: async () => {},
      call: (subject) => subject.create(),
      async after(subject) {
        await subject.run();
        await subject.stop();
        await subject.expectEnded(3, "Error");
        await subject.container.remove();
      },
      recovery: "undo",
    },
  ],
  CreateTask: [
    {
      prepare: async () => {},
      async call(subject) {
        await subject.create();
        await subject.expectAhead();
      },
      async after(subject) {
        // The daemon may have been killed before it told the id.
        await subject.create();
        await subject.expectCreated();
        await subject.start();
        await subject.expectReady();
        await subject.stop();
        await subject.expectEnded(3, "Error");
        await subject.container.remove();
      },
      recovery: "settle",
    },
  ],
  StartContainer: [
    start,
    {
      ...start,
      async prepare(subject) {
        await subject.create();
        // Else the start would join what fails.
        await rejects(subject.expectAhead());
      },
      given: unaided,
    },
  ],
  StopContainer: [stop],
  EndContainer: [stop],
  RemoveContainer: [
    {
      prepare: (subject) => subject.run(),
      call: (subject) => subject.container.remove(),
      after: (subject) => subject.container.remove(),
      recovery: "finish",
    },
  ],
  UpdateContainerResources: [
    {
      prepare: (subject) => subject.run(),
      call: (subject) => subject.update(),
      async after(subject) {
        equal((await subject.container.status()).state, CONTAINER_RUNNING);
        await subject.update();
        equal((await subject.container.status()).resources?.linux?.cpuShares, 300n);
        await subject.stop();
        await subject.expectEnded(3, "Error");
        await subject.container.remove();
      },
      recovery: "finish",
    },
  ],
};
