import type { ControllerDeadlines, SandboxerLog } from "../sandboxes/types.ts";
import type { TaskApi } from "../tasks/types.ts";
import type { SandboxController } from "../types.ts";

/** What a shim was told when it was started. */
export interface ShimContext {
  /** containerd namespace. */
  readonly namespace: string;
  /** Of the bundle: that of the sandbox, or of a container of it where a runtime starts a shim for each. */
  readonly id: string;
  /** Of the sandbox that the process is for. */
  readonly sandboxId: string;
  /** Absolute path. Whatever is put there is the daemon's to remove. */
  readonly bundle: string;
  /** For volatile files of this pod: a path of at most 64 bytes, so that sockets fit in it. It exists, and is removed with the pod. */
  readonly stateDir: string;
  readonly debug: boolean;
  /** Writes to the `log` FIFO of the bundle, and never waits for who reads it. */
  readonly log: SandboxerLog;
}

/** A task service that can say how many tasks it has, so that the process ends when there are none. */
export interface ShimTasks extends TaskApi, Partial<AsyncDisposable> {
  readonly size: number;
}

/** What `runSandboxShim` is given. What makes the parts is called only in the process that needs them: import there what is big. */
export interface SandboxShimOptions {
  /** Runtime name, as a runtime handler has it: `io.containerd.NAME.v1` for a program called `containerd-shim-NAME-v1`. */
  readonly name: string;
  /** Version of the program, for `-v`. Default `0.0.0`. */
  readonly version?: string;
  /** The controller of the one sandbox. Also called for a shim that has died, to shut down what it left. */
  readonly createController: (context: ShimContext) => SandboxController | Promise<SandboxController>;
  readonly createTasks: (context: ShimContext) => ShimTasks | Promise<ShimTasks>;
  /**
   * Removes the tasks that a shim which has died left: all, or where `id` is not `sandboxId` that one alone. Idempotent. Default: nothing is left by tasks that
   * ends with the sandbox.
   */
  readonly removeLeftTasks?: (context: ShimContext) => Promise<void>;
  readonly deadlines?: Partial<ControllerDeadlines>;
  /** Where sockets of shims are. Absolute, short. Default `/run/containerd/s`. */
  readonly socketDir?: string;
  /** Below which the state directories of pods are. Absolute, at most 39 bytes. Default `/run/` and the last but one part of the name. */
  readonly stateDir?: string;
}
