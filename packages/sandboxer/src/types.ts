/**
 * A process as it can be told apart from a later one with the same number: a pid is valid only together with its
 * start time (field 22 of `/proc/PID/stat`, in clock ticks since boot).
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: number;
}

/** The namespaces of a pod that containers join, each by an absolute path; a missing one is the host's or the container's own. */
export interface NamespacePaths {
  readonly net?: string;
  readonly ipc?: string;
  readonly uts?: string;
  readonly user?: string;
  readonly pid?: string;
}

/** One line of a user namespace's map (user_namespaces(7)). */
export interface IdMapping {
  readonly containerId: number;
  readonly hostId: number;
  readonly length: number;
}

/** Limits of a pod; zero or absent is "not limited". */
export interface SandboxResources {
  readonly cpuShares?: number;
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds in each period. */
  readonly cpuQuota?: number;
  readonly memoryLimitBytes?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly unified?: Readonly<Record<string, string>>;
}

/** What a controller is told of the pod whose boundary it shall build. Plain data: it is stored and comes back after a restart. */
export interface Sandbox {
  /** 64 lower-case hexadecimal digits. */
  readonly id: string;
  /** The pod as its author named it. */
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string; readonly attempt: number };
  readonly runtimeHandler: string;
  readonly hostname: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Only those that the runtime handler's allow-list lets through. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Namespaces that exist by now or will exist when `create` is called. */
  readonly namespaces: NamespacePaths;
  /** Whether the containers of the pod share one PID namespace: `pod`, each its own: `container`, or the host's: `node`. */
  readonly pidMode: "pod" | "container" | "node";
  /** Set when the pod uses the host's namespace of that kind. */
  readonly hostNetwork: boolean;
  readonly hostIpc: boolean;
  readonly privileged: boolean;
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  readonly security: SandboxSecurity;
  readonly sysctls: Readonly<Record<string, string>>;
  /** The cgroup of the pod itself, absolute below the hierarchy's root, ending in `crib-ID`. It exists when `start` is called. */
  readonly cgroupPath: string;
  readonly resources: SandboxResources;
  readonly overhead: SandboxResources;
  /** The pod's directory for files that live as long as the pod (hosts, hostname, resolv.conf). */
  readonly rootDir: string;
  /** The pod's volatile directory (shm, namespaces). */
  readonly stateDir: string;
  /** A tmpfs for /dev/shm, or the host's. */
  readonly shmPath: string;
  /** The CRI PodSandboxConfig in protobuf binary form, for controllers that forward it. */
  readonly config: Uint8Array;
}

/** The part of the pod's security context that a controller applies to its own process. */
export interface SandboxSecurity {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly supplementalGroups: readonly number[];
  readonly readonlyRootfs: boolean;
  readonly selinux?: { readonly user: string; readonly role: string; readonly type: string; readonly level: string };
  readonly seccomp:
    | { readonly kind: "runtime-default" | "unconfined" }
    | { readonly kind: "localhost"; readonly path: string };
}

/** What `start` tells of a running sandbox. */
export interface SandboxInstance {
  /** The process that holds the boundary; absent where there is none. */
  readonly process?: ProcessIdentity;
  readonly createdAt: Date;
  readonly labels: Readonly<Record<string, string>>;
  /** The OCI runtime spec that the boundary was built from, if any, as JSON text. */
  readonly spec?: string;
  /** The namespaces containers join: explicit paths, or those of `process`. */
  readonly namespaces: NamespacePaths;
}

/** Where the pod's task service answers. */
export interface TaskEndpoint {
  readonly protocol: "ttrpc" | "grpc";
  /** `unix:///path`, `vsock://cid:port` or `hvsock:///path:port`. */
  readonly address: string;
  /** Version of the task service: 2 or 3. */
  readonly version: number;
  /** How the standard streams of tasks travel: as FIFOs of the host (default), or over the Streaming service of this endpoint. */
  readonly io?: "fifo" | "streaming";
  /** Whether pids that it answers are those of processes of this host. Default true; never so over vsock and hvsock. */
  readonly hostPids?: boolean;
}

/** A file system that a task's root is mounted from (containerd's Mount). */
export interface TaskMount {
  readonly type: string;
  readonly source: string;
  readonly target?: string;
  readonly options: readonly string[];
}

/** Where the standard streams of a process are: paths of FIFOs or addresses of streams; empty where there is none. */
export interface TaskStdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A task that is about to be created. */
export interface SandboxTask extends TaskStdio {
  /** Id of the container. */
  readonly id: string;
  /** Its OCI runtime spec as JSON text. */
  readonly spec: string;
  readonly rootfs: readonly TaskMount[];
}

/** An additional process of a task that is about to be started. */
export interface SandboxProcess extends TaskStdio {
  readonly execId: string;
  /** Its OCI process as JSON text. */
  readonly process: string;
}

/**
 * What a controller must be told of tasks before they are made and after they are gone, so that it can bring what they need into
 * the boundary (the hook that containerd lacks and iSulad has). All calls are idempotent; those of one sandbox come one after another.
 */
export interface SandboxTasks {
  add(sandboxId: string, task: SandboxTask, signal: AbortSignal): Promise<void>;
  /** An unknown task succeeds. */
  remove(sandboxId: string, taskId: string, signal: AbortSignal): Promise<void>;
  /** NotFound for an unknown task. */
  addProcess(sandboxId: string, taskId: string, process: SandboxProcess, signal: AbortSignal): Promise<void>;
  /** An unknown process succeeds. */
  removeProcess(sandboxId: string, taskId: string, execId: string, signal: AbortSignal): Promise<void>;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

export interface SandboxStatus {
  /** `pending`: it ran when last heard of, and who could tell cannot be reached at present. Never taken for its end. */
  readonly state: "created" | "ready" | "pending" | "exited";
  /** Since when it is pending. */
  readonly pendingSince?: Date;
  readonly process?: ProcessIdentity;
  /** Controller specific facts for `crictl inspectp`; filled only when verbose was asked. */
  readonly info: Readonly<Record<string, string>>;
  readonly exit?: ExitStatus;
}

/** That nobody can tell at present how a sandbox fares that ran when last heard of. */
export interface SandboxPending {
  readonly since: Date;
  /** Who cannot be asked, and why. */
  readonly reason: string;
  /** From then on the pod is not taken for ready any more, until it is told of again. */
  readonly readyUntil: Date;
}

export interface ExitStatus {
  readonly exitCode: number;
  readonly exitedAt: Date;
  /** Why, where the code alone does not tell. */
  readonly reason?: string;
}

/** Usage of a pod as its boundary sees it, all containers included, in nanoseconds and bytes. */
export interface SandboxMetrics {
  readonly timestamp: Date;
  readonly cpuUsageNanos?: bigint;
  readonly memoryUsageBytes?: bigint;
  readonly memoryWorkingSetBytes?: bigint;
  readonly pids?: bigint;
}

/** When a controller wants the network to be attached, relative to its own calls. */
export type NetworkTurn = "parallel" | "before-create" | "before-start" | "after-start";

/** What a controller says of itself once; the answers are stored in the plan of each pod. */
export interface ControllerDeclaration {
  /** Who makes the network namespace. With `controller`, it appears at the path of the plan by the end of `start`. */
  readonly netns: "crib" | "controller";
  readonly network: NetworkTurn;
  /**
   * Namespaces that crib makes and pins for a pod that has them of its own; the others are the controller's to make and to name in
   * `SandboxInstance.namespaces`. Default: net, ipc, uts and user.
   */
  readonly pins?: readonly (keyof NamespacePaths)[];
  /**
   * Whether the tasks of its pods are run by a runtime of this host that is configured with the handler, so that what a dead task service
   * leaves can be ended by it. Default true. Otherwise no runtime of this host is ever called for them, and a task service that nobody
   * answers at has not ended before the controller says so.
   */
  readonly localTasks?: boolean;
}

/**
 * Owns the isolation boundary of pods: a virtual machine, a pause process, or bare namespaces.
 *
 * A call that fails leaves nothing behind that `shutdown` does not remove. After a restart of the daemon, every call
 * but `create` and `start` must work for an id that an earlier daemon started; `adopt` tells which ones those are.
 */
export interface SandboxController {
  readonly declares: ControllerDeclaration;
  /** Absent where nothing has to be known of tasks. */
  readonly tasks?: SandboxTasks;

  /** Prepares the boundary without starting it. A repeated id fails with AlreadyExists. */
  create(sandbox: Sandbox, signal: AbortSignal): Promise<void>;

  /** Starts what `create` prepared. An unknown id fails with NotFound. */
  start(id: string, signal: AbortSignal): Promise<SandboxInstance>;

  /**
   * Takes over a sandbox that an earlier daemon started, and says whether it still runs. Idempotent, called once at
   * the start of the daemon for each sandbox that was ready. A boundary that is gone answers `exited`.
   */
  adopt(sandbox: Sandbox, instance: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus>;

  /** The pod's task service; idempotent; may start the task shim at the first use; answers again after a restart. */
  endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint>;

  /** Valid after `create`. */
  platform(id: string, signal: AbortSignal): Promise<Platform>;

  /** Cheap and free of side effects. An unknown id fails with NotFound. */
  status(id: string, options: { readonly verbose: boolean }, signal: AbortSignal): Promise<SandboxStatus>;

  /** Whether it is pending, from memory, for whoever shows the pod; undefined otherwise. Absent where that cannot be. */
  pending?(id: string): SandboxPending | undefined;

  /** Shown as the pod's usage. Undefined where the pod's cgroup, which the caller reads, tells as much. */
  metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined>;

  /** Tells of changed resources. A controller to which they mean nothing succeeds. */
  update(
    id: string,
    change: { readonly resources?: SandboxResources; readonly overhead?: SandboxResources },
    signal: AbortSignal,
  ): Promise<void>;

  /** Settles once the boundary has ended, also when it ended before the call. Many callers at a time. An unknown id fails with NotFound. */
  wait(id: string, signal: AbortSignal): Promise<ExitStatus>;

  /** Ends the boundary and settles once it has ended. A stopped or unknown id succeeds. */
  stop(id: string, options: { readonly graceMs: number }, signal: AbortSignal): Promise<void>;

  /** Frees everything `create` and `start` made. A stopped, half-made or unknown id succeeds, so that undo can call it blindly. */
  shutdown(id: string, signal: AbortSignal): Promise<void>;
}
