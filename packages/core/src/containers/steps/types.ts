import type { RuntimeSpec } from "@crib/oci-spec";
import type { ProcessIdentity } from "@crib/sandboxer";

import type { StepContext } from "../../flow/types.ts";
import type { Images } from "../../images/types.ts";
import type { Stdio } from "../../io/types.ts";
import type { TreePacker } from "../../layers/types.ts";
import type { PluginHooks, PluginUpdate } from "../../nri/types.ts";
import type { StepLog } from "../../sandbox/steps/types.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import type { BuiltSpec, HostFeatures, PreparedVolume, SpecInput, SpecOptions, VolumeStore } from "../../spec/types.ts";
import type { StartTurns, TaskDeleter, taskProcess, TaskServices } from "../../tasks/index.ts";
import type { StopClocks } from "../exits/stop-clocks.ts";
import type { TaskExits } from "../exits/task-exits.ts";
import type { ContainerFacts, ContainerPlan, ContainerRecord } from "../types.ts";

/** What the steps of CreateContainer hand each other; gone with the flow. */
export interface CreateSession {
  volumes: readonly PreparedVolume[];
  spec?: RuntimeSpec;
  /** Of other containers, to be made when this one is there. */
  updates: readonly PluginUpdate[];
  /** Lets plugins that wait be synchronized: after the commit. */
  leave: () => void;
}

/** A task that was made and is not started. */
export interface WaitingTask {
  /** Absent where it has none on this host. */
  readonly process?: ProcessIdentity;
}

/** The collaborators of container steps. */
export interface ContainerDeps {
  /** The daemon's volatile directory. */
  readonly stateDir: string;
  readonly images: Pick<Images, "config" | "list" | "prepareSnapshot"> & { collectSoon(): void };
  readonly snapshots: Pick<Snapshots, "changes" | "find" | "materialize" | "mount" | "unmount" | "discard">;
  readonly trees: Pick<TreePacker, "packTree">;
  readonly volumes: VolumeStore;
  readonly buildSpec: (input: SpecInput, signal: AbortSignal) => Promise<BuiltSpec>;
  readonly features: HostFeatures;
  readonly specOptions: SpecOptions;
  readonly stdio: Pick<Stdio, "open" | "adopt" | "find">;
  readonly services: TaskServices;
  /** Bounds the starts in each shim; shared with those of additional processes. */
  readonly starts: Pick<StartTurns, "take">;
  /** For tasks whose shim cannot delete them. */
  readonly remains: TaskDeleter;
  /** Ends what runs of the runtime for a container: calls that nobody waits for any more. */
  readonly endHelpers: (id: string) => Promise<void>;
  readonly hooks: PluginHooks;
  readonly findSandbox: (id: string) => SandboxRecord | undefined;
  readonly findContainer: (id: string) => ContainerRecord | undefined;
  readonly exits: TaskExits;
  readonly clocks: StopClocks;
  /** Milliseconds that a shim has to deliver a signal, and to tell of a kill. Default 3,000 and 2,000. */
  readonly stopTimes?: { readonly killMs: number; readonly toldMs: number };
  readonly sessions: Map<string, CreateSession>;
  /** First processes of containers whose tasks were made ahead, by the containers' ids, until they are started. */
  readonly waiting: Map<string, WaitingTask>;
  /** Which process of this host a task service means. Default: by its cgroup. */
  readonly taskProcess?: typeof taskProcess;
  readonly log: StepLog;
}

export type ContainerStepContext = StepContext<ContainerDeps, ContainerPlan, ContainerFacts>;
