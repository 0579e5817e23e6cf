import type { NetworkTurn } from "@crib/sandboxer";

import type { TaskLog } from "../../tasks/types.ts";

/** A sandboxer as configured: `[sandboxers.NAME]`. */
export interface SandboxerConfig {
  /** Name of the controller, sent with every call. */
  readonly name: string;
  /** Absolute path of its unix socket. */
  readonly address: string;
  /** When pods of it get their network. Default `before-start`. */
  readonly network: NetworkTurn;
  /**
   * What containers are told of namespaces that the sandboxer made where it answers neither pid nor spec: the strings `/proc/0/ns/...` that
   * Kuasar rewrites (`proc`), or nothing but explicit paths, so that a missing one is an error (`explicit`, default).
   */
  readonly namespacePaths: "proc" | "explicit";
  /** Whether it is told of tasks by Update (`extensions.tasks`). `auto`: until it says that it does not know that. */
  readonly taskUpdates: "auto" | "on" | "off";
  /** How the streams of tasks travel; `auto`: as FIFOs over unix sockets, over the Streaming service otherwise. */
  readonly io: "auto" | "fifo" | "streaming";
  /** Milliseconds for which a pod whose sandboxer is away is still shown as ready; then it is not, until the sandboxer is back. */
  readonly pendingGraceMs: number;
}

/** What `createProxyController` is given. */
export interface ProxyControllerOptions {
  readonly config: SandboxerConfig;
  /** The daemon's volatile directory. What is remembered of a sandbox is below `STATE/sandboxes/ID`. */
  readonly stateDir: string;
  readonly log: TaskLog;
  /** Deadlines in milliseconds. */
  readonly budgets?: Partial<ProxyBudgets>;
}

/** Deadlines of calls to a sandboxer, in milliseconds. */
export interface ProxyBudgets {
  /** Create and Start. Default 60,000 each: they may boot a virtual machine. */
  readonly start: number;
  /** Over the grace that Stop is told. Default 10,000. */
  readonly stop: number;
  /** Shutdown and Update. Default 10,000. */
  readonly shutdown: number;
  /** All others. Default 5,000. */
  readonly other: number;
  /** Between two looks whether a lost sandboxer is back. Default 1,000. */
  readonly probe: number;
}
