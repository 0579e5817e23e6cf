import type { Shims, TaskLog } from "../../tasks/types.ts";
import type { RuntimeHandler } from "../types.ts";

/** What `createShimController` is given. */
export interface ShimControllerOptions {
  readonly shims: Shims;
  /** The handler of a name. FailedPrecondition when it is not configured any more. */
  readonly handlerOf: (name: string) => RuntimeHandler;
  /** containerd namespace, sent with every call. Default `k8s.io`. */
  readonly namespace?: string;
  readonly log: TaskLog;
  /** Deadlines in milliseconds. */
  readonly budgets?: Partial<ShimControllerBudgets>;
}

/** Deadlines of the calls of the Sandbox API, in milliseconds. */
export interface ShimControllerBudgets {
  /** CreateSandbox and StartSandbox. Default 60,000 each: they may boot a virtual machine. */
  readonly start: number;
  /** Over the grace that StopSandbox is told. Default 10,000. */
  readonly stop: number;
  /** ShutdownSandbox, before the shim is ended by force. Default 5,000. */
  readonly shutdown: number;
  /** All others. Default 5,000. */
  readonly other: number;
}
