import type { NriLog } from "@crib/nri";
import type { RuntimeSpec } from "@crib/oci-spec";

import type { ContainerRecord, ContainerResources } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import type { HostFeatures, SpecOptions } from "../spec/types.ts";

/** A change of the limits of a container other than the one that an event is of. */
export interface PluginUpdate {
  readonly containerId: string;
  readonly resources: ContainerResources;
  /** Its failure is only logged. */
  readonly ignoreFailure: boolean;
}

/**
 * What plugins are told, and may refuse: a refusal is thrown with the plugin's words. A plugin that hangs or dies is dropped and the
 * call goes on. Where no plugin is connected every call is free.
 */
export interface PluginHooks {
  /** Waits while a plugin is being synchronized, so that none misses what is created meanwhile. Released by the returned function. */
  enter(signal: AbortSignal): Promise<() => void>;
  /** Network up, boundary started, not READY yet. Throws to refuse; the caller then undoes everything and sends stop and remove. */
  runPodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void>;
  /** Throws to refuse. */
  updatePodSandbox(sandbox: SandboxRecord, change: object, signal: AbortSignal): Promise<void>;
  postUpdatePodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void>;
  /** Containers ended, boundary ended, before the network goes. Never throws; told once. */
  stopPodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void>;
  /** Never throws. */
  removePodSandbox(sandbox: SandboxRecord, signal: AbortSignal): Promise<void>;
  /** The specification as plugins adjusted it, validated by those that may refuse, and updates of other containers. Throws to refuse. */
  createContainer(
    sandbox: SandboxRecord,
    container: ContainerRecord,
    spec: RuntimeSpec,
    signal: AbortSignal,
  ): Promise<{ readonly spec: RuntimeSpec; readonly updates: readonly PluginUpdate[] }>;
  postCreateContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void>;
  /** The task is created, its pid known. Throws to refuse. */
  startContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void>;
  postStartContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void>;
  /** The resources as plugins changed them, and updates of other containers. Throws to refuse. */
  updateContainer(
    sandbox: SandboxRecord,
    container: ContainerRecord,
    resources: ContainerResources,
    signal: AbortSignal,
  ): Promise<{ readonly resources: ContainerResources; readonly updates: readonly PluginUpdate[] }>;
  postUpdateContainer(sandbox: SandboxRecord, container: ContainerRecord, signal: AbortSignal): Promise<void>;
  /** Once, after its end. Never throws. */
  stopContainer(
    sandbox: SandboxRecord | undefined,
    container: ContainerRecord,
    signal: AbortSignal,
  ): Promise<readonly PluginUpdate[]>;
  /** Never throws. */
  removeContainer(sandbox: SandboxRecord | undefined, container: ContainerRecord, signal: AbortSignal): Promise<void>;
}

/** Hooks over NRI, and what starts it. */
export interface NriHooks extends PluginHooks {
  /** Lets plugins in. To be called once, when pods and containers of an earlier daemon are known again. Errors: those of `Nri.start`. */
  start(): Promise<void>;
}

/** What hooks over NRI need. */
export interface NriHooksDeps {
  /** All there are, whatever their state. */
  readonly sandboxes: () => readonly SandboxRecord[];
  readonly containers: () => readonly ContainerRecord[];
  /** The OCI specification of a container as JSON; undefined when its bundle is gone. */
  readonly spec: (containerId: string) => Promise<string | undefined>;
  /** Changes limits without asking plugins again. NotFound for an unknown container. */
  readonly update: (containerId: string, resources: ContainerResources, signal: AbortSignal) => Promise<void>;
  /** Ends a container without grace. An unknown id succeeds. */
  readonly stop: (containerId: string, signal: AbortSignal) => Promise<void>;
  readonly features: HostFeatures;
  readonly options: SpecOptions;
  readonly log: NriLog;
}
