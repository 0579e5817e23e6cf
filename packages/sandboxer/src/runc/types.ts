import type { TaskApi } from "../tasks/types.ts";

/** What `createRuncTasks` is given. */
export interface RuncTasksOptions {
  /** The OCI runtime: a name on PATH or an absolute path. Default `runc`. A task's `containerd.runc.v1.Options` may name another. */
  readonly binary?: string;
  /** Where the OCI runtime keeps the state of containers (`--root`). Absolute. A task's options may name another. */
  readonly root: string;
  /** Files of this service: pid files, sockets for terminals. Absolute, at most 80 bytes long; made when missing. */
  readonly stateDir: string;
  /** Cgroups are made through systemd. Default false. */
  readonly systemdCgroup?: boolean;
  /** How long one call of the OCI runtime may take before it is killed, in milliseconds. Default 60000. */
  readonly callTimeoutMs?: number;
  /** What becomes of tasks when the service is disposed. Default `leave`: they run on, and `cleanUpRuncTask` removes them one day. */
  readonly onDispose?: "leave" | "end";
  /** Told of what a caller may want to know before he asks. Default: nobody. */
  readonly onEvent?: (event: RuncTaskEvent) => void;
  /** Told of what the service does and cannot report to a caller. Default: nobody. */
  readonly log?: (
    level: "debug" | "info" | "warn" | "error",
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

/** `exit`: a process has ended, an exec where `execId` is not empty. `oom`: the kernel has killed a process of the task for memory. */
export type RuncTaskEvent =
  | {
      readonly kind: "exit";
      readonly id: string;
      readonly execId: string;
      readonly pid: number;
      readonly exitStatus: number;
      readonly exitedAt: Date;
    }
  | { readonly kind: "oom"; readonly id: string };

/** containerd's task service for any number of tasks, and what its host needs to know of it. */
export interface RuncTasks extends TaskApi, AsyncDisposable {
  /** How many tasks there are, those that are being created included. A shim with none may end at `shutdown`. */
  readonly size: number;
}
