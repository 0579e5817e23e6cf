import type { ProcessIdentity } from "@crib/sandboxer";

import type { FlowProblem } from "../flow/flow-problem.ts";
import type { FlowRun } from "../flow/types.ts";
import type { IdMappings } from "../snapshots/types.ts";

/**
 * Where a container stands. `creating` and `removing` are half-way rows; `starting` is one whose StartContainer has not
 * been settled; `ending` one whose process has ended, or is being ended, and whose remains are being given back.
 */
export type ContainerState = "creating" | "created" | "starting" | "running" | "ending" | "exited" | "removing";

/** A file, directory or image that is mounted into a container (CRI `Mount`). */
export interface MountRequest {
  /** Absolute inside the container. */
  readonly containerPath: string;
  /** Absolute on the host; empty where an image is mounted. */
  readonly hostPath: string;
  readonly readonly: boolean;
  /** Only with `readonly` and private propagation. */
  readonly recursiveReadOnly: boolean;
  readonly selinuxRelabel: boolean;
  readonly propagation: "private" | "host-to-container" | "bidirectional";
  readonly idMappings?: IdMappings;
  /** Name of the image that is mounted, read-only. */
  readonly image?: string;
  /** Path inside the image; empty is its root. */
  readonly imageSubPath: string;
}

/** A host device in a container. */
export interface DeviceRequest {
  readonly containerPath: string;
  readonly hostPath: string;
  /** Some of `rwm`. */
  readonly permissions: string;
}

/** Limits of a container; absent is "not set". */
export interface ContainerResources {
  readonly cpuShares?: number;
  /** Microseconds. */
  readonly cpuPeriod?: number;
  /** Microseconds in each period; negative is no limit. */
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly memoryLimitBytes?: number;
  /** Memory and swap together. */
  readonly memorySwapLimitBytes?: number;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number;
  /** `2MB` and so on. */
  readonly hugepageLimits: readonly { readonly pageSize: string; readonly limit: number }[];
  /** cgroup v2 files by name. */
  readonly unified: Readonly<Record<string, string>>;
}

/** A seccomp or AppArmor profile as asked. */
export type ProfileRequest =
  | { readonly kind: "runtime-default" | "unconfined" }
  /** Seccomp: an absolute path. AppArmor: name of a loaded profile. */
  | { readonly kind: "localhost"; readonly name: string };

/** The CRI security context of a container, checked. */
export interface ContainerSecurity {
  readonly privileged: boolean;
  readonly pid: "pod" | "container" | "node" | { readonly target: string };
  /** Names without or with `CAP_`, `ALL` among them; upper case. */
  readonly capabilities: {
    readonly add: readonly string[];
    readonly drop: readonly string[];
    readonly addAmbient: readonly string[];
  };
  readonly selinux?: { readonly user: string; readonly role: string; readonly type: string; readonly level: string };
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly runAsUsername?: string;
  readonly supplementalGroups: readonly number[];
  readonly supplementalGroupsPolicy: "merge" | "strict";
  readonly readonlyRootfs: boolean;
  readonly noNewPrivileges: boolean;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  /** Absent: nothing was asked, which is unconfined. */
  readonly seccomp?: ProfileRequest;
  /** Absent: nothing was asked, which is the host's default. */
  readonly apparmor?: ProfileRequest;
}

/** A validated CreateContainerRequest: what `cri` makes of it. Every value was checked for its form. */
export interface ContainerRequest {
  /** Full id of the pod sandbox. */
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  /** The CRI ContainerConfig in protobuf binary form, the reference for "equal configuration" and for status. */
  readonly config: Uint8Array;
  /** Id, digest or reference, as asked. */
  readonly image: string;
  /** As the pod's author wrote it; may be empty. */
  readonly userSpecifiedImage: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  /** Empty: that of the image. */
  readonly workingDir: string;
  readonly envs: readonly { readonly key: string; readonly value: string }[];
  readonly mounts: readonly MountRequest[];
  readonly devices: readonly DeviceRequest[];
  /** `vendor.com/class=name`. */
  readonly cdiDevices: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Absolute; empty: output is read and thrown away. */
  readonly logPath: string;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** `SIGTERM` and so on; empty: that of the image, else SIGTERM. */
  readonly stopSignal: string;
  readonly resources: ContainerResources;
  readonly security: ContainerSecurity;
}

/** Everything decided before the first effect on the host. Immutable, JSON. */
export interface ContainerPlan extends Omit<ContainerRequest, "config"> {
  /** base64 of the CRI ContainerConfig. */
  readonly config: string;
  /** SHA-256 (hex) of configuration and sandbox: two requests with the same one are the same request. */
  readonly checksum: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
  /** Name of the runtime handler of the pod. */
  readonly handler: string;
  /** Key of the writable snapshot; the container's id. */
  readonly snapshotKey: string;
  /** `<root>/containers/<id>`: what lives as long as the container. */
  readonly rootDir: string;
  /** `<state>/tasks/<id>`: bundle, root file system, FIFOs. */
  readonly bundleDir: string;
  /** As `linux.cgroupsPath` of the specification: a path below each hierarchy, or `slice:prefix:name`. */
  readonly cgroupPath: string;
  /** What the container's log may take and how it is kept in bounds; see `LogRequest`. */
  readonly log: { readonly maxLineBytes: number; readonly limit?: LogLimit; readonly directory?: string };
}

/** Bounds a container's log. */
export interface LogLimit {
  /** Bytes of output in a second, averaged; bursts of one second's worth are let through. */
  readonly bytesPerSecond: number;
  /** Over the limit: the container waits, or its output is dropped and a line says how much. */
  readonly over: "block" | "drop";
}

/** Whom the container's process runs as, numbers inside its user namespace. */
export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** How a container ended. */
export interface ContainerExit {
  /** 128 plus the signal where one ended it; 128 where it could not be started. */
  readonly exitCode: number;
  /** ISO 8601 with nanoseconds where the shim tells them. */
  readonly exitedAt: string;
  readonly reason: "Completed" | "Error" | "OOMKilled" | "StartError" | "Unknown";
  readonly message: string;
}

/** What steps learned. */
export interface ContainerFacts {
  /** Resolved when the container was created, so that status need not ask the image store. */
  readonly image: { readonly id: string; readonly reference: string; readonly digest: string };
  /** Resolved: the request's, else the image's, else SIGTERM. */
  readonly stopSignal: string;
  readonly user: ContainerUser;
  /** Image of each image mount, by container path: digests for status. */
  readonly imageMounts: readonly {
    readonly containerPath: string;
    readonly imageId: string;
    readonly digest: string;
  }[];
  readonly process: ProcessIdentity;
  /** Its task was made ahead of its start, is being made, or shall be once it is created. Set before, and until it is started or taken back. */
  readonly ahead: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly exit: ContainerExit;
  /** The kernel told of a process of it that was killed for memory. */
  readonly oomKilled: boolean;
  /** The stop signal was sent: it is sent once. */
  readonly stopSignalSent: boolean;
  /** ISO 8601: when what runs is killed. Set while the container is being stopped, so that the next daemon goes on with it. */
  readonly stopBy: string;
  /** Limits that are being applied. */
  readonly updating: ContainerResources;
  /** Resources as last updated, or as a plugin changed them; absent: those of the plan. */
  readonly resources: ContainerResources;
  /** Which events plugins were told, so that each is told once, also after a restart. */
  readonly pluginEvents: readonly ("create" | "start" | "stop" | "remove")[];
}

/** A container as it is stored: record and intent in one. */
export interface ContainerRecord {
  readonly version: 1;
  readonly id: string;
  /** `name_podname_podnamespace_poduid_attempt`. */
  readonly name: string;
  readonly state: ContainerState;
  /** ISO 8601, when the request was accepted. */
  readonly createdAt: string;
  readonly bootId: string;
  readonly plan: ContainerPlan;
  readonly facts: Readonly<Partial<ContainerFacts>>;
  readonly problem?: FlowProblem;
  readonly runs: readonly FlowRun[];
}

/** A change of a container that clients are told of. */
export interface ContainerEvent {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly record: ContainerRecord;
  readonly at: Date;
}

/** Which containers a list is of; all conditions given must hold. */
export interface ContainerFilter {
  /** Id or unique prefix. */
  readonly id?: string;
  /** Id or unique prefix of the pod sandbox. */
  readonly sandboxId?: string;
  readonly state?: "created" | "running" | "exited" | "unknown";
  readonly labels?: Readonly<Record<string, string>>;
}

/** The containers of this daemon: what the CRI calls stand on. `signal` ends the caller's wait, never the work. */
export interface Containers {
  /**
   * Creates a container and gives its id. The same request joins the one that runs or gets its result. Errors: NotFound
   * (sandbox, image), FailedPrecondition (sandbox not ready), InvalidArgument, AlreadyExists (same name, other
   * configuration).
   */
  create(request: ContainerRequest, signal: AbortSignal): Promise<string>;
  /** NotFound; FailedPrecondition when it is not created or its sandbox is not ready. Joins a start that runs. */
  start(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Sends the stop signal, once, waits `timeoutMs`, then kills; settles when the container has ended. Idempotent; an unknown
   * id succeeds. A second call with a shorter time shortens the wait.
   */
  stop(id: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Idempotent; an unknown id succeeds. Kills what runs. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** The record of an id or of a unique prefix. NotFound; InvalidArgument when empty or ambiguous. Rows still `creating` are not found. */
  get(idOrPrefix: string): ContainerRecord;
  /** From memory. Rows that are still `creating` are not listed, unless their undo failed. */
  list(filter?: ContainerFilter): readonly ContainerRecord[];
  /** Changes limits, of a running container at once. NotFound; FailedPrecondition when it has ended. */
  update(id: string, resources: ContainerResources, signal: AbortSignal): Promise<void>;
  /** Opens the log file anew after it was rotated. FailedPrecondition when it does not run. */
  reopenLog(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Writes a checkpoint of a running container with CRIU: an archive at `location`, a new file. A time of 0 is 60,000 ms. Unimplemented, saying what is
   * missing, where the host has no CRIU or the runtime makes none; FailedPrecondition when it does not run or there is no such directory;
   * AlreadyExists; DeadlineExceeded. Stop and Remove end it (Canceled).
   */
  checkpoint(
    id: string,
    request: { readonly location: string; readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<void>;
  /** The OCI runtime spec as it was given to the runtime; undefined when the bundle is gone. */
  spec(id: string): Promise<string | undefined>;
  /** Events from now on, until `signal` is aborted. A reader that is more than 10,000 events behind loses the oldest. */
  watch(signal: AbortSignal): AsyncIterable<ContainerEvent>;
}

/** What the flows of pod sandboxes ask of containers. */
export interface PodContainers {
  /** Ends every container of the pod, at once, and settles when they have ended and plugins were told. Idempotent. */
  stopAll(sandboxId: string, signal: AbortSignal): Promise<void>;
  /** Removes every container of the pod. Idempotent. */
  removeAll(sandboxId: string, signal: AbortSignal): Promise<void>;
}
