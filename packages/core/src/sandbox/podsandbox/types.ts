import type { Sandbox } from "@crib/sandboxer";

import type { Shims, TaskLog } from "../../tasks/index.ts";
import type { RuntimeHandler } from "../types.ts";

/** The settings of a runtime handler that the `podsandbox` controller uses. */
export type PodsandboxHandler = Pick<RuntimeHandler, "runtimeType" | "runtimePath" | "options" | "pause">;

/** What `createPodsandboxController` is given. */
export interface PodsandboxOptions {
  readonly shims: Shims;
  /** The daemon's lasting directory; the root file system of the built-in pause is `ROOT/pause/SHA256`. */
  readonly rootDir: string;
  /** A static program that waits, reaps and never ends by itself, and its arguments: `["/usr/bin/catatonit", "-P"]`. */
  readonly pauseCommand: readonly [program: string, ...args: string[]];
  /** The handler as configured now. Throws when there is none of that name. */
  readonly handlerOf: (name: string) => PodsandboxHandler;
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
