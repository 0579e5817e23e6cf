import type { NetworkTurn, Platform, SandboxController, SandboxPending } from "@crib/sandboxer";

import type { TaskLog } from "../../tasks/types.ts";
import type { RuntimeHandler } from "../types.ts";

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
  /** Runtime and options of a handler, for the sandboxer to know. Default: the handler's name, and no options. */
  readonly handlerOf?: (name: string) => Pick<RuntimeHandler, "runtimeType" | "options">;
  /** containerd namespace, sent as a header of each call. Default `k8s.io`. */
  readonly namespace?: string;
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

/** A sandboxer as it stands now. Plain data. */
export interface SandboxerState {
  readonly name: string;
  /** Path of its socket. */
  readonly address: string;
  /** `never reached`: nothing was asked of it yet, or it has not answered since this daemon started. */
  readonly state: "connected" | "lost" | "never reached";
  /** Since when that is so; of `never reached` the start of this daemon. */
  readonly since: Date;
  /** Why the last call could not reach it; absent while it is connected. */
  readonly lastError?: string;
  /** As it named it last. */
  readonly platform?: Platform;
  /** Whether it is told of tasks; `unknown` until the first one. */
  readonly tasksByUpdate: "yes" | "no" | "unknown";
}

/** A controller whose boundaries a separate process owns. Disposing of it closes the connections and leaves every sandbox running. */
export interface ProxyController extends SandboxController, AsyncDisposable {
  /** From memory. */
  describe(): SandboxerState;
  pending(id: string): SandboxPending | undefined;
  /**
   * The handshake: asks for the status of a sandbox that does not exist. Gives a sentence on what answered; fails with one on why it
   * cannot be used: Unavailable, DeadlineExceeded, or FailedPrecondition when what listens there is no sandboxer.
   */
  probe(signal: AbortSignal): Promise<string>;
  /** Disposes of it while the daemon goes on without it: calls in flight, and later ones, fail with Unavailable and say so. Idempotent. */
  retire(): void;
}
