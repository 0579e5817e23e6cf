import { create } from "@bufbuild/protobuf";
import { StatusError } from "@crib/errdefs";
import type { NotifyEvent, Nri } from "@crib/nri";
import type { RuntimeSpec } from "@crib/oci-spec";
import {
  type Container,
  ContainerState,
  type ContainerUpdate,
  type PodSandbox,
  PodSandboxSchema,
} from "@crib/wire/nri";

import type { ContainerRecord, ContainerResources } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { applyAdjustment } from "./adjust/apply-adjustment.ts";
import { fromNriResources } from "./convert/from-resources.ts";
import { containerResources, podResources } from "./convert/resources.ts";
import { nriState, toNriContainer } from "./convert/to-container.ts";
import { toNriPod } from "./convert/to-pod.ts";
import { createNriHost, toPluginUpdate } from "./nri-host.ts";
import { PluginGate } from "./plugin-gate.ts";
import type { NriHooks, NriHooksDeps, PluginHooks, PluginUpdate } from "./types.ts";

type PodEvent = Extract<NotifyEvent, `${string}PodSandbox`>;
type ContainerEvent = Exclude<NotifyEvent, PodEvent>;
type SandboxChange = NonNullable<SandboxRecord["facts"]["updated"]>;

const { CONTAINER_UNKNOWN, CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_STOPPED } = ContainerState;

/** Asks and tells plugins over NRI. Where no plugin takes an event nothing is made for it. The caller closes `nri`. */
export function createPluginHooks(nri: Nri, deps: NriHooksDeps): NriHooks {
  return new HooksOverNri(nri, deps);
}

class HooksOverNri implements NriHooks {
  readonly #nri: Nri;
  readonly #deps: NriHooksDeps;
  readonly #gate = new PluginGate();

  constructor(nri: Nri, deps: NriHooksDeps) {
    this.#nri = nri;
    this.#deps = deps;
  }

  start(): Promise<void> {
    return this.#nri.start(createNriHost(this.#gate, this.#deps));
  }

  enter(signal: AbortSignal): Promise<() => void> {
    return this.#gate.enter(signal);
  }

  runPodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    return this.#tellPod("RunPodSandbox", sandbox, signal);
  }

  async updatePodSandbox(sandbox: SandboxRecord, change: SandboxChange, signal: AbortSignal): Promise<void> {
    if (!this.#nri.wants("UpdatePodSandbox")) return;
    const { resources, overhead } = change;
    const told = {
      ...(resources && { resources: podResources(resources) }),
      ...(overhead && { overhead: podResources(overhead) }),
    };
    await this.#nri.updatePodSandbox(toNriPod(sandbox), told, signal);
  }

  postUpdatePodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    return this.#logged("PostUpdatePodSandbox", this.#tellPod("PostUpdatePodSandbox", sandbox, signal));
  }

  stopPodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    return this.#logged("StopPodSandbox", this.#tellPod("StopPodSandbox", sandbox, signal));
  }

  removePodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    return this.#logged("RemovePodSandbox", this.#tellPod("RemovePodSandbox", sandbox, signal));
  }

  async createContainer(
    sandbox: SandboxRecord,
    container: ContainerRecord,
    spec: RuntimeSpec,
    signal: AbortSignal,
  ): ReturnType<PluginHooks["createContainer"]> {
    if (!this.#nri.wants("CreateContainer")) return { spec, updates: [] };
    const subject = { pod: toNriPod(sandbox), container: toNriContainer(container, spec, CONTAINER_UNKNOWN) };
    const { adjust, updates } = await this.#nri.createContainer(subject, signal);
    const { features, options } = this.#deps;
    return {
      spec: adjust ? await applyAdjustment(spec, adjust, { sandbox, container, features, options }) : spec,
      updates: this.#updates(updates),
    };
  }

  postCreateContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void> {
    const told = this.#tellContainer("PostCreateContainer", sandbox, container, CONTAINER_CREATED, signal);
    return this.#logged("PostCreateContainer", told);
  }

  startContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void> {
    return this.#tellContainer("StartContainer", sandbox, container, CONTAINER_CREATED, signal);
  }

  postStartContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void> {
    const told = this.#tellContainer("PostStartContainer", sandbox, container, CONTAINER_RUNNING, signal);
    return this.#logged("PostStartContainer", told);
  }

  async updateContainer(
    sandbox: SandboxRecord,
    record: ContainerRecord,
    resources: ContainerResources,
    signal: AbortSignal,
  ): ReturnType<PluginHooks["updateContainer"]> {
    if (!this.#nri.wants("UpdateContainer")) return { resources, updates: [] };
    const subject = { pod: toNriPod(sandbox), container: await this.#container(record) };
    const result = await this.#nri.updateContainer(subject, containerResources(resources), signal);
    const { resources: changed } = result;
    return {
      // What NRI has no word for, such as the OOM score, stays as it was asked for.
      resources: changed ? { ...resources, ...fromNriResources(changed) } : resources,
      updates: this.#updates(result.updates),
    };
  }

  postUpdateContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void> {
    const told = this.#tellContainer("PostUpdateContainer", sandbox, container, undefined, signal);
    return this.#logged("PostUpdateContainer", told);
  }

  async stopContainer(
    sandbox: SandboxRecord | undefined,
    container: ContainerRecord,
    signal: AbortSignal,
  ): Promise<readonly PluginUpdate[]> {
    if (!this.#nri.wants("StopContainer")) return [];
    let updates: readonly ContainerUpdate[] = [];
    const tell = async (): Promise<void> => {
      const pod = sandbox ? toNriPod(sandbox) : podWithId(container.plan.sandboxId);
      const subject = { pod, container: await this.#container(container, CONTAINER_STOPPED) };
      updates = await this.#nri.stopContainer(subject, signal);
    };
    await this.#logged("StopContainer", tell());
    return this.#updates(updates);
  }

  removeContainer(sandbox: SandboxRecord | undefined, container: ContainerRecord, signal: AbortSignal): Promise<void> {
    const told = this.#tellContainer("RemoveContainer", sandbox, container, CONTAINER_STOPPED, signal);
    return this.#logged("RemoveContainer", told);
  }

  async #tellPod(event: PodEvent, sandbox: SandboxRecord, signal: AbortSignal): Promise<void> {
    if (this.#nri.wants(event)) await this.#nri.notify(event, { pod: toNriPod(sandbox) }, signal);
  }

  async #tellContainer(
    event: ContainerEvent,
    sandbox: SandboxRecord | undefined,
    record: ContainerRecord,
    state: ContainerState | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#nri.wants(event)) return;
    const container = await this.#container(record, state);
    await this.#nri.notify(event, { ...(sandbox && { pod: toNriPod(sandbox) }), container }, signal);
  }

  async #container(record: ContainerRecord, state: ContainerState = nriState(record)): Promise<Container> {
    const text = await this.#deps.spec(record.id);
    return toNriContainer(record, text === undefined ? undefined : (JSON.parse(text) as RuntimeSpec), state);
  }

  #updates(updates: readonly ContainerUpdate[]): readonly PluginUpdate[] {
    return updates.flatMap((update) => toPluginUpdate(update, this.#deps.log) ?? []);
  }

  /** Of what plugins are only told: a failure is no reason for the call to fail. */
  async #logged(event: NotifyEvent | "StopContainer", told: Promise<void>): Promise<void> {
    try {
      await told;
    } catch (error) {
      this.#deps.log("warn", "NRI plugins were not told", { event, why: StatusError.from(error).message });
    }
  }
}

/** All that is known of a pod whose record is gone. */
function podWithId(id: string): PodSandbox {
  return create(PodSandboxSchema, { id });
}
