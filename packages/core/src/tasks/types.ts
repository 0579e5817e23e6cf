import type { MessageInitShape } from "@bufbuild/protobuf";
import type { StatusError } from "@crib/errdefs";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";
import type { DeleteResponse } from "@crib/wire/task";
import type {
  CheckpointTaskRequestSchema,
  ConnectResponse,
  CreateTaskRequestSchema,
  ExecProcessRequestSchema,
  KillRequestSchema,
  PidsResponse,
  StateResponse,
  StatsResponse,
  UpdateTaskRequestSchema,
  WaitResponse,
} from "@crib/wire/task";

/** Takes what the rest of the daemon should know; ids travel as fields. */
export type TaskLog = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/**
 * The values of a runtime handler's `options` table, by the keys of containerd's configuration (`BinaryName`, `Root`,
 * ...).
 */
export type RuntimeOptionValues = Readonly<Record<string, string | number | boolean>>;

/** What `createShims` is given. */
export interface ShimsOptions {
  /** The daemon's volatile directory; bundles are `STATE/tasks/ID`. */
  readonly stateDir: string;
  /** Path of the socket of the shim events service. The same after each restart of the daemon: shims read it once. */
  readonly eventsAddress: string;
  /**
   * The path that shims are given as the daemon's address. It is part of the name of the shim's own socket, so two
   * daemons side by side must use different ones. Default: `crib.sock` in `stateDir`.
   */
  readonly daemonAddress?: string;
  /** Names this daemon in the environment of what it starts, so that a later daemon finds strays of its own only. */
  readonly instance: string;
  /** containerd namespace. Default `k8s.io`. */
  readonly namespace?: string;
  /** Where shims run, below the root of each hierarchy. Default `/crib.shims`. Empty: in the daemon's own cgroup. */
  readonly shimCgroup?: string;
  /** Directories to look for shims in after those of PATH. */
  readonly runtimeDirs?: readonly string[];
  /** Program that shims of old run to publish events; modern ones do not. Default `/bin/true`. */
  readonly publishBinary?: string;
  /** Deadlines in milliseconds. */
  readonly budgets?: Partial<ShimBudgets>;
  readonly log: TaskLog;
}

/** Deadlines of what is done to a shim, in milliseconds. */
export interface ShimBudgets {
  /** `shim start`. Default 15,000. */
  readonly start: number;
  /** Dialling a shim and its first answer. Default 5,000. */
  readonly connect: number;
  /** The Shutdown call. Default 3,000. */
  readonly shutdown: number;
  /** `shim delete`, the first time it is run; twice and three times as long after that. Default 5,000. */
  readonly delete: number;
  /** From SIGKILL to the process being gone. Default 5,000. */
  readonly kill: number;
}

/** What `Shims.start` is told. */
export interface ShimStart {
  /** Id of the task and name of the bundle: alphanumerics joined by single `.`, `_` or `-`, at most 76 characters. */
  readonly id: string;
  /** Runtime v2 name, such as `io.containerd.runc.v2`. */
  readonly runtimeType: string;
  /** Absolute path of the shim binary; empty: found by `runtimeType`. */
  readonly runtimePath: string;
  readonly options: RuntimeOptionValues;
  /** The OCI runtime spec as JSON text. */
  readonly specJson: string;
  /** Additional environment of the shim. */
  readonly env?: Readonly<Record<string, string>>;
  /** Further files of the bundle, by name, written before the shim is started. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A shim that was started and that its caller talks to, in whatever protocol it said. */
export interface LaunchedShim {
  readonly id: string;
  /** Absolute path of the bundle. */
  readonly bundle: string;
  readonly endpoint: TaskEndpoint;
  readonly runtimeType: string;
  /** Absolute path of the program. */
  readonly binary: string;
}

/** Asks a shim to end by itself. True when it is known to be gone; false, and any error, has it ended by force. */
export type ShimEnd = (signal: AbortSignal) => Promise<boolean>;

/** The shim of one bundle and the connection to its task service. */
export interface Shim {
  readonly id: string;
  /** Absolute path of the bundle. */
  readonly bundle: string;
  readonly endpoint: TaskEndpoint;
  /** The long-lived server process, not the `shim start` that made it. */
  readonly process: ProcessIdentity;
  /** The runtime's options, packed for `TaskClient.create`. */
  readonly options: RuntimeOptionValues;
  readonly runtimeType: string;
  readonly tasks: TaskClient;
  /** Settles, and never rejects, when the connection is lost: at the latest when the shim dies. */
  readonly closed: Promise<StatusError>;
}

/** What is known of a shim from its bundle; parts that were not reached yet are absent. */
export interface ShimDescription {
  readonly runtimeType: string;
  /** Absolute path. */
  readonly binary: string;
  readonly endpoint?: TaskEndpoint;
  readonly process?: ProcessIdentity;
}

/** The shims of one daemon. Calls for the same id run one after the other. */
export interface Shims {
  /**
   * Makes the bundle, runs `shim start` and connects. A bundle that exists fails with AlreadyExists. On failure all of
   * it is taken back as by `remove`, so far as it can be; `remove` may be called again, and must be where the bundle is still listed.
   */
  start(request: ShimStart, signal: AbortSignal): Promise<Shim>;
  /**
   * The shim of a bundle: the open connection, or a new one to the shim of an earlier daemon, tried with Connect.
   * NotFound without a bundle or when nobody answers at its address; DeadlineExceeded when the shim hangs; Canceled
   * after `close`.
   */
  open(id: string, signal: AbortSignal): Promise<Shim>;
  /**
   * As `start`, but asks nothing of the shim: for those whose task service answers only once it has a sandbox. Any protocol and
   * transport that a shim may say.
   */
  launch(request: ShimStart, signal: AbortSignal): Promise<LaunchedShim>;
  /**
   * A shim that was launched, by this daemon or an earlier one, as its bundle describes it: nobody has asked whether it lives. From now on
   * its log is read. NotFound without a bundle, or when the shim never said where it answers.
   */
  recall(id: string, signal: AbortSignal): Promise<LaunchedShim>;
  /**
   * The process of a shim that was launched, as remembered or found now; undefined when it cannot be told for certain, or not on this
   * host. NotFound without a bundle.
   */
  findServer(id: string, signal: AbortSignal): Promise<ProcessIdentity | undefined>;
  /**
   * The process of a number that a shim has named, if it is on this host and was started by that shim: undefined otherwise, since the number
   * may be one inside a guest, and stand for a stranger here.
   */
  findProcess(id: string, pid: number): Promise<ProcessIdentity | undefined>;
  /**
   * Ends the process of a shim and all that it has started, at once, and leaves its files to `remove`. What is gone, or not certain to be
   * its, is left alone.
   */
  kill(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Ends the shim and removes what it and its bundle leave: processes, mounts, the runtime's state, socket, files.
   * Settles once the process is gone. Idempotent from any half state; an unknown id succeeds. `end` is how a launched shim is asked;
   * without it such a shim is ended by force. A `shim delete` that fails, of a runtime whose remains only it knows, fails the call with its
   * error and keeps the bundle, for the next call to try again; after five failures it is done without.
   */
  remove(id: string, signal: AbortSignal, end?: ShimEnd): Promise<void>;
  /** Ids of the bundles that exist, complete or not. */
  list(): Promise<readonly string[]>;
  /** The OCI runtime spec of a bundle as JSON text; undefined without one. */
  spec(id: string): Promise<string | undefined>;
  /** The text of another file of a bundle; undefined without it. */
  file(id: string, name: string): Promise<string | undefined>;
  /** What the bundle of an id says of its shim, without asking it; undefined without a bundle. */
  describe(id: string): Promise<ShimDescription | undefined>;
  /** Absolute path of the bundle of an id, whether it exists or not. */
  bundle(id: string): string;
  /** Closes the connections and leaves the shims running: the daemon ends. */
  close(): void;
  /** Aborted by `close`, for those who have connections of their own to shims that were launched. */
  readonly closing: AbortSignal;
}

/** Overrides the deadline of one call, in milliseconds; Infinity is none. */
export interface TaskCall {
  readonly timeoutMs?: number;
}

/**
 * The task service of a shim, version 2 or 3, over one connection. Errors are those of the shim with its codes
 * (containerd.md 2.7); DeadlineExceeded after the default deadline named with each call, since a shim may hang for
 * ever. Giving a call up does not stop the shim's work on it: ttrpc has no cancel.
 */
export interface TaskClient {
  /** 2 or 3; falls from 3 to 2 when the shim turns out to be older than it said. */
  readonly version: number;
  /**
   * Whether a call was given up, by its signal or its deadline, that the shim may still be at work on. Waiting calls
   * do not count.
   */
  readonly hasAbandoned: boolean;
  /** `runc create`. 60 s. The id is not checked by the shim: never use one twice. Gives the pid of the init process. */
  create(
    request: MessageInitShape<typeof CreateTaskRequestSchema>,
    signal: AbortSignal,
    call?: TaskCall,
  ): Promise<number>;
  /** Starts the init process, or an exec. 60 s. Gives the pid. */
  start(id: string, execId: string, signal: AbortSignal, call?: TaskCall): Promise<number>;
  /** 15 s. A running process fails; an unknown one is NotFound. */
  delete(id: string, execId: string, signal: AbortSignal, call?: TaskCall): Promise<DeleteResponse>;
  /** 10 s. A finished or unknown process is NotFound. */
  kill(request: MessageInitShape<typeof KillRequestSchema>, signal: AbortSignal, call?: TaskCall): Promise<void>;
  /** Registers a further process; `start` runs it. 10 s. */
  exec(request: MessageInitShape<typeof ExecProcessRequestSchema>, signal: AbortSignal, call?: TaskCall): Promise<void>;
  /** 2 s. */
  state(id: string, execId: string, signal: AbortSignal, call?: TaskCall): Promise<StateResponse>;
  /** Settles when the process has ended, at once when it had. No deadline. */
  wait(id: string, execId: string, signal: AbortSignal, call?: TaskCall): Promise<WaitResponse>;
  /** 5 s. */
  pids(id: string, signal: AbortSignal, call?: TaskCall): Promise<PidsResponse>;
  /** 5 s. */
  stats(id: string, signal: AbortSignal, call?: TaskCall): Promise<StatsResponse>;
  /** 30 s. */
  update(
    request: MessageInitShape<typeof UpdateTaskRequestSchema>,
    signal: AbortSignal,
    call?: TaskCall,
  ): Promise<void>;
  /** `runc checkpoint`, into directories that the shim can write to. 75 s. */
  checkpoint(
    request: MessageInitShape<typeof CheckpointTaskRequestSchema>,
    signal: AbortSignal,
    call?: TaskCall,
  ): Promise<void>;
  /** 10 s. */
  pause(id: string, signal: AbortSignal, call?: TaskCall): Promise<void>;
  /** 10 s. */
  resume(id: string, signal: AbortSignal, call?: TaskCall): Promise<void>;
  /** 5 s. Width and height in characters. */
  resizePty(
    id: string,
    execId: string,
    size: { readonly width: number; readonly height: number },
    signal: AbortSignal,
    call?: TaskCall,
  ): Promise<void>;
  /** Closes the standard input. 5 s. */
  closeStdin(id: string, execId: string, signal: AbortSignal, call?: TaskCall): Promise<void>;
  /** Works for any id, hence the liveness probe. 5 s. */
  connect(id: string, signal: AbortSignal, call?: TaskCall): Promise<ConnectResponse>;
  /** The shim ends if it holds no task any more, else stays. 3 s. A connection that closes on the way is success. */
  shutdown(id: string, signal: AbortSignal, call?: TaskCall): Promise<void>;
}

/** The task service of one pod, over a connection that is open as far as is known. */
export interface TaskService {
  readonly sandboxId: string;
  readonly endpoint: TaskEndpoint;
  readonly tasks: TaskClient;
  /** The process that serves it, where it is one of this host. */
  readonly process?: ProcessIdentity;
  /** Settles, and never rejects, when the connection is lost: at the latest when the shim dies. */
  readonly closed: Promise<StatusError>;
}

/** The task services of pods, one connection each. Where they are is up to the pod's controller. */
export interface TaskServices {
  /**
   * The pod's task service: the open connection, or a new one to where the controller says. Calls for the same pod share it. Errors of
   * the controller; NotFound when nobody answers there any more; DeadlineExceeded when it hangs.
   */
  of(sandboxId: string, signal: AbortSignal): Promise<TaskService>;
  /** Closes the connection of a pod that goes; its end is then no surprise. */
  forget(sandboxId: string): void;
  /** Closes the connection of a pod that stays, but whose controller goes. The streams of its processes go on, and with the next connection its controller is asked anew. */
  disconnect(sandboxId: string): void;
  close(): void;
}
