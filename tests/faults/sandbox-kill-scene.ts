import { deepEqual, equal, notEqual, rejects } from "node:assert/strict";
import type { TestContext } from "node:test";

import { Code, hasCode } from "@crib/errdefs";
import { ContainerState, PodSandboxState } from "@crib/wire/cri";

import { type ContainerNode, type ContainerOptions, startContainerNode } from "../support/containers/container-node.ts";
import type { Container } from "../support/containers/container.ts";
import { eventually } from "../support/eventually.ts";
import type { Node, NodeOptions } from "../support/node.ts";
import type { PodConfig } from "../support/pod-config.ts";
import type { Pod } from "../support/pod.ts";
import { faultPoints } from "./fault-matrix.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** Milliseconds for anything to come about on a machine that does nothing else. */
const soonMs = 30_000;

/** Seconds of grace: what nobody can signal, since its task service is away, is killed after that. */
const graceS = 5;

/** The steps that talk to the controller of a pod or to its task service, by flow. */
const steps = {
  RunPodSandbox: ["sandbox.create", "sandbox.start"],
  StopPodSandbox: ["sandbox.stop"],
  RemovePodSandbox: ["sandbox.shutdown"],
  CreateTask: ["service.find", "task.create"],
  StartContainer: ["task.start"],
  StopContainer: ["signal.send", "exit.await", "processes.kill"],
  EndContainer: ["processes.end", "io.close", "task.delete"],
} as const;

type Flow = keyof typeof steps;

const placesOf = (flow: Flow): readonly string[] =>
  steps[flow].flatMap((step) => faultPoints.map((point) => `${flow}/${step}@${point}`));

const places = (Object.keys(steps) as Flow[]).flatMap(placesOf);

/** No budget ends what is held. */
const budgets = Object.fromEntries(
  Object.values(steps)
    .flat()
    .map((step) => [step, "300s"]),
);

/** One call that is held, or was. */
interface Subject {
  readonly name: Flow;
  /** The call; settles whatever becomes of it. */
  readonly call: Promise<unknown>;
  /** What has to come about, one after the other, however often it must be tried: nothing of the subject is left then. */
  readonly converge: readonly (() => Promise<void>)[];
}

/**
 * A node on which one call is held in each of three points of each step that talks to a controller, so that one kill strikes all of them. What is
 * in a step is chosen by the order in which the calls are made.
 */
export class SandboxKillScene {
  readonly target: ContainerNode;
  readonly #handler: string;
  #subjects: Subject[] = [];
  #host: Pod | undefined;
  #witness: Container | undefined;
  #logged = 0;
  #podsEnd = false;

  private constructor(target: ContainerNode, handler: string) {
    this.target = target;
    this.#handler = handler;
  }

  /** `config` has the handler and its sandboxer. */
  static async start(
    t: TestContext,
    handler: string,
    config: ReturnType<NonNullable<NodeOptions["config"]>>,
  ): Promise<SandboxKillScene> {
    const target = await startContainerNode(t, { config: () => ({ ...config, flow: { budgets } }) });
    return new SandboxKillScene(target, handler);
  }

  get node(): Node {
    return this.target.node;
  }

  /** The pod with the containers, of which no call is held. */
  get host(): Pod {
    if (!this.#host) throw new Error("nothing is held yet");
    return this.#host;
  }

  /** A container of it that runs. */
  get witness(): Container {
    if (!this.#witness) throw new Error("nothing is held yet");
    return this.#witness;
  }

  /** Makes the calls, and settles when each place holds one. */
  async hold(): Promise<void> {
    this.#logged = this.node.log().length;
    this.#subjects = [];
    this.node.inject(places.map((place) => `${place}=hold*1`).join(";"));
    await this.#inFlow("RunPodSandbox", async () => this.#runPod());
    this.#host = await this.#pod();
    await Promise.all([this.#holdPods(), this.#holdContainers(this.#host)]);
  }

  /** Has everything go on that is held. */
  letGo(): void {
    this.node.daemon.signal("SIGUSR2");
  }

  /** Settles when every call has ended, however. */
  async ended(): Promise<void> {
    await Promise.all(this.#subjects.map(({ call }) => call));
  }

  /**
   * Everything that was struck comes to an end in which it should be; only the host and its witness are left. `podsEnd`: a pod that was ready
   * may have exited since, and is asked for anew.
   */
  async converge({ podsEnd }: { readonly podsEnd: boolean } = { podsEnd: false }): Promise<void> {
    this.#podsEnd = podsEnd;
    await Promise.all(
      this.#subjects.map(async ({ name, converge }) => {
        for (const come of converge) {
          await eventually(soonMs, come).catch((reason: unknown) => {
            throw new Error(`what was held in ${name}`, { cause: reason });
          });
        }
      }),
    );
  }

  /** The witness runs on, and can be used. */
  async expectWitness(): Promise<void> {
    await eventually(soonMs, async () => equal(await this.witness.sh("echo here"), "here\n"));
  }

  /** It has ended, in a pod that is as it was and takes a new container. */
  async expectWitnessEnded(): Promise<void> {
    await eventually(soonMs, async () => equal((await this.witness.status()).state, CONTAINER_EXITED));
    await eventually(soonMs, async () => {
      equal((await this.node.list()).get(this.host.id), "READY");
    });
    await this.#expectUsable(this.host);
  }

  /** Removes the host; then nothing is left of any pod on the machine, nor what `others` finds. */
  async expectNothingLeft(others: () => readonly string[] = () => []): Promise<void> {
    await this.node.removeAllPods(soonMs);
    await eventually(soonMs, async () => {
      equal((await this.node.cri.runtime.listContainers({})).containers.length, 0);
      deepEqual(await this.node.leftovers(), []);
      deepEqual(await this.node.leaks(), []);
      deepEqual(others(), []);
    });
  }

  /** What a case that failed has left does not spoil the next. */
  async clear(): Promise<void> {
    await this.node.restart();
    await this.node.removeAllPods(soonMs);
  }

  async #holdPods(): Promise<void> {
    const stops = await Promise.all(placesOf("StopPodSandbox").map(() => this.#pod()));
    await this.#inFlow("StopPodSandbox", async () => {
      const pod = stops.pop();
      if (pod) this.#endPod("StopPodSandbox", pod, pod.stop);
    });
    const removals = await Promise.all(placesOf("RemovePodSandbox").map(() => this.#pod()));
    await Promise.all(removals.map((pod) => pod.stop()));
    await this.#inFlow("RemovePodSandbox", async () => {
      const pod = removals.pop();
      if (pod) this.#endPod("RemovePodSandbox", pod, pod.remove);
    });
  }

  async #holdContainers(host: Pod): Promise<void> {
    await this.#inFlow("CreateTask", async () => this.#create(host));
    const starts = await this.#many(placesOf("StartContainer"), () => this.target.createContainer(host));
    await this.#inFlow("StartContainer", async () => {
      const container = starts.pop();
      if (container) this.#start(container);
    });
    this.#witness = await this.target.runContainer(host, { name: "witness" });
    for (const flow of ["StopContainer", "EndContainer"] as const) {
      const containers = await this.#many(placesOf(flow), () => this.target.runContainer(host));
      await this.#inFlow(flow, async () => {
        const container = containers.pop();
        if (container) this.#stop(flow, container);
      });
    }
  }

  async #many<T>(names: readonly string[], make: () => Promise<T>): Promise<T[]> {
    return await Promise.all(names.map(make));
  }

  /** Makes one call for each place of a flow, and waits until each holds one. */
  async #inFlow(flow: Flow, call: () => Promise<void>): Promise<void> {
    for (const _place of placesOf(flow)) await call();
    await eventually(soonMs, () => {
      const printed = this.node.log().slice(this.#logged);
      deepEqual(
        placesOf(flow).filter((place) => !printed.includes(`held at ${place}\n`)),
        [],
        "every place is reached",
      );
    });
  }

  async #pod(): Promise<Pod> {
    return await this.node.runPod({ handler: this.#handler });
  }

  #runPod(): void {
    const config = this.node.podConfig();
    const run = async (): Promise<Pod> => {
      const request = { config, runtimeHandler: this.#handler };
      const { podSandboxId } = await this.node.cri.runtime.runPodSandbox(request);
      return this.node.pod(podSandboxId, config, this.#handler);
    };
    let pod: Pod | undefined;
    const usable = async (): Promise<void> => {
      pod = await run().catch(async (reason: unknown) => {
        if (this.#podsEnd && hasCode(reason, Code.AlreadyExists)) await this.#removePodsOf(config);
        throw reason;
      });
      equal((await this.node.list()).get(pod.id), "READY");
      await this.#expectUsable(pod);
    };
    this.#add("RunPodSandbox", run(), [usable, async () => await pod?.stop(), async () => await pod?.remove()]);
  }

  async #removePodsOf({ metadata }: PodConfig): Promise<void> {
    const { runtime } = this.node.cri;
    const { items } = await runtime.listPodSandbox({});
    for (const { id, metadata: { uid } = {}, state } of items) {
      if (uid !== metadata?.uid) continue;
      equal(state, PodSandboxState.SANDBOX_NOTREADY);
      await runtime.removePodSandbox({ podSandboxId: id });
    }
  }

  #endPod(flow: Flow, pod: Pod, call: () => Promise<void>): void {
    const absent = async (): Promise<void> => equal((await this.node.list()).has(pod.id), false);
    this.#add(flow, call(), [call, pod.remove, absent]);
  }

  /** Its task is made ahead, and held; the call itself returns. */
  async #create(pod: Pod): Promise<void> {
    const container = await this.target.createContainer(pod);
    this.#add("CreateTask", Promise.resolve(), [() => this.#expectSettled(container), ...this.#leave(container)]);
  }

  #start(container: Container): void {
    this.#add("StartContainer", container.start(), [() => this.#expectSettled(container), ...this.#leave(container)]);
  }

  #stop(flow: Flow, container: Container): void {
    this.#add(flow, container.stop(graceS), this.#leave(container));
  }

  /** It can be started, or runs and can be used, or has ended, for good. */
  async #expectSettled(container: Container): Promise<void> {
    const { state } = await container.status();
    if (state === CONTAINER_CREATED && this.#podsEnd)
      await rejects(container.start(), { code: Code.FailedPrecondition });
    else if (state === CONTAINER_CREATED) await container.start();
    else if (state === CONTAINER_RUNNING) equal((await container.execSync(["true"])).exitCode, 0);
    else equal(state, CONTAINER_EXITED);
  }

  #leave(container: Container): Subject["converge"] {
    const stopped = async (): Promise<void> => notEqual((await container.status()).state, CONTAINER_RUNNING);
    return [() => container.stop(graceS), stopped, () => container.remove()];
  }

  async #expectUsable(pod: Pod, options: ContainerOptions = {}): Promise<void> {
    const container = await this.target.runContainer(pod, options);
    equal(await container.sh("echo usable"), "usable\n");
    await container.stop();
    await container.remove();
  }

  #add(name: Flow, call: Promise<unknown>, converge: Subject["converge"]): void {
    this.#subjects.push({ name, call: call.catch(() => undefined), converge });
  }
}
