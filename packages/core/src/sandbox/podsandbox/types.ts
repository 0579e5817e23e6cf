import type { Sandbox } from "@crib/sandboxer";

import type { Shims, TaskLog } from "../../tasks/index.ts";
import type { RuntimeHandler } from "../types.ts";

/** The settings of a runtime handler that the `podsandbox` controller uses. */
export type PodsandboxHandler = Pick<RuntimeHandler, "runtimeType" | "runtimePath" | "options" | "pause" | "prestart">;

/** A mount as the task service takes it. */
export interface RootfsMount {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** What a pause process is started from. */
export interface PauseRoot {
  /** What makes its root file system. One bind mount is used where it lies; anything else the shim mounts. */
  readonly mounts: readonly RootfsMount[];
  /** The program with its arguments, at least one string. */
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Whom the image asks to run as, in numbers. Default: nobody. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Gives pods the root of their pause process. */
export interface PauseRoots {
  /** Holds the root for the sandbox until `release`. Idempotent. NotFound, naming it, when the program is missing. */
  prepare(sandboxId: string, signal: AbortSignal): Promise<PauseRoot>;
  /** Lets go of it, after its pause is gone. An unknown sandbox is success. */
  release(sandboxId: string, signal: AbortSignal): Promise<void>;
}

/** What `createPodsandboxController` is given. */
export interface PodsandboxOptions {
  readonly shims: Shims;
  readonly pauseRoots: PauseRoots;
  /** The handler of a pod, by its name and the pod's id. Throws when there is none. */
  readonly handlerOf: (name: string, sandboxId: string) => PodsandboxHandler;
  /**
   * Whether a pod gets a pause process. Default: when its containers share a PID namespace, or its handler says
   * `pause = "always"`.
   */
  readonly needsPause?: (sandbox: Sandbox) => boolean;
  /**
   * Deadlines of Stop, in milliseconds: for the shim to kill the pause, and for a kill to show. Default 10,000 and
   * 5,000.
   */
  readonly budgets?: { readonly stopMs?: number; readonly killMs?: number };
  readonly log: TaskLog;
}
