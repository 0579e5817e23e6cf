import type { Cni } from "@crib/libcni";
import type { SandboxController } from "@crib/sandboxer";

import type { PodContainers } from "../../containers/types.ts";
import type { StepContext } from "../../flow/types.ts";
import type { PluginHooks } from "../../nri/types.ts";
import type { CgroupOwners } from "../cgroup-owners.ts";
import type { SandboxFacts, SandboxPlan, SandboxRecord } from "../types.ts";

/** Writes of what a step had to tolerate. */
export interface StepLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** The collaborators of sandbox steps. */
export interface SandboxDeps {
  /** The CNI library; it marks every plugin with the row that it runs for. */
  readonly cni: Cni;
  readonly ipPreference: "ipv4" | "ipv6" | "cni";
  /** By name; they may change while the daemon runs. */
  readonly controllers: ReadonlyMap<string, SandboxController>;
  /** Ends pods whose controller is not among them. */
  readonly gone: SandboxController;
  readonly cgroups: CgroupOwners;
  readonly containers: PodContainers;
  readonly hooks: PluginHooks;
  /** What lets plugins that wait be synchronized, of the pods that are being run. */
  readonly pluginGates: Map<string, () => void>;
  readonly findSandbox: (id: string) => SandboxRecord | undefined;
  /** Milliseconds a boundary has to end by itself before it is killed. */
  readonly stopGraceMs: number;
  /** Bring `lo` up by the loopback plugin instead of natively. */
  readonly loopbackPlugin: boolean;
  readonly log: StepLog;
}

export type SandboxStepContext = StepContext<SandboxDeps, SandboxPlan, SandboxFacts>;
