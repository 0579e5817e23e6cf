import type {
  ControllerDeclaration,
  IdMapping,
  NamespacePaths,
  SandboxInstance,
  SandboxResources,
  SandboxMetrics,
  SandboxSecurity,
  SandboxStatus,
  Platform,
  TaskEndpoint,
} from "@crib/sandboxer";

import type { FlowProblem } from "../flow/flow-problem.ts";
import type { FlowRun } from "../flow/types.ts";

/** Where a pod sandbox stands. Committing the row with another state is the change of state. */
export type SandboxState = "creating" | "ready" | "stopping" | "notready" | "removing";

/** The pod as its author named it. Name, namespace, uid and attempt together name the sandbox. */
export interface PodIdentity {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly attempt: number;
}

/** A port of the host that leads to one of the pod. */
export interface PortMapping {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIp: string;
}

/** DNS settings of the pod; written to resolv.conf and offered to CNI plugins. */
export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Bits per second and bits, as the bandwidth plugin takes them. */
export interface Bandwidth {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/**
 * A validated request to run a pod sandbox: what `cri` makes of a RunPodSandboxRequest. Every value has been checked;
 * nothing in it is hostile any more.
 */
export interface PodSandboxRequest {
  readonly pod: PodIdentity;
  /** As asked; empty means the default handler. */
  readonly runtimeHandler: string;
  /** The CRI PodSandboxConfig in protobuf binary form, the reference for "equal configuration" and for status. */
  readonly config: Uint8Array;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty: the default (the host's for host network pods, else the pod's name). */
  readonly hostname: string;
  readonly logDirectory: string;
  /** Absent: the host's resolv.conf is copied. */
  readonly dns?: DnsConfig;
  readonly portMappings: readonly PortMapping[];
  readonly bandwidth?: Bandwidth;
  readonly network: "pod" | "node";
  readonly ipc: "pod" | "node";
  readonly pid: "pod" | "container" | "node";
  /** Absent: the host's user namespace. */
  readonly userNamespace?: { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };
  readonly sysctls: Readonly<Record<string, string>>;
  readonly privileged: boolean;
  readonly security: SandboxSecurity;
  /** The CRI cgroup_parent, absolute or a systemd slice; empty when not given. */
  readonly cgroupParent: string;
  readonly resources: SandboxResources;
  readonly overhead: SandboxResources;
}

/** A runtime handler (RuntimeClass) as configured. */
export interface RuntimeHandler {
  readonly name: string;
  /** Name of the controller: `podsandbox`, `shim`, or that of a proxy sandboxer. */
  readonly controller: string;
  /** Runtime v2 name, for example `io.containerd.runc.v2`. */
  readonly runtimeType: string;
  /** Absolute path of the shim binary; empty: found by `runtimeType` on PATH. */
  readonly runtimePath: string;
  /** Options for the shim; the keys of containerd's runc options (`BinaryName`, `Root`, `SystemdCgroup`, ...). */
  readonly options: Readonly<Record<string, string | number | boolean>>;
  /** `auto`: a pause process only where the PID namespace is shared. */
  readonly pause: "auto" | "always";
  /**
   * Whether the shim of a pod without pause is started with the pod, not by its first container, and the tasks of containers are made ahead
   * of their start. Default true.
   */
  readonly prestart?: boolean;
  /** CNI configuration directory of this handler; empty: the default one. */
  readonly cniConfDir: string;
  /** How many configurations of that directory a pod is attached to; 0 is all. */
  readonly cniMaxConfNum: number;
  /** Globs of pod annotations that reach the runtime. */
  readonly podAnnotations: readonly string[];
  /** Globs of container annotations that reach the runtime. Default: none. */
  readonly containerAnnotations?: readonly string[];
  /** Of controller `shim` only: what containers are told of namespaces that the shim names nowhere; as `SandboxerConfig.namespacePaths`. Default `explicit`. */
  readonly namespacePaths?: "proc" | "explicit";
  /** Overrides when the controller wants the network. */
  readonly network?: ControllerDeclaration["network"];
  /** Names of the networks of its CNI directory that a pod may choose from by annotation. Default: none, every pod is attached to the same. */
  readonly networks?: readonly string[];
  /** What the boundary itself needs beside the containers; of pods that say nothing of it (RuntimeClass says it to the kubelet). */
  readonly overhead?: SandboxResources;
  /** Further options of the overlay mounts of its containers' root file systems, such as `volatile`. */
  readonly snapshotOptions?: readonly string[];
  /** Whether pods run although the OCI runtime is older than the fix of a known vulnerability. Default `warn`: they do. */
  readonly oldRuntime?: "warn" | "refuse";
  /** What its pods can have where its runtime cannot be asked. Default: what the runtime answers, nothing without an answer. */
  readonly features?: { readonly recursiveReadOnlyMounts?: boolean; readonly userNamespaces?: boolean };
}

/** One CNI network of a pod, as it was when the pod was planned: the configuration's bytes stay valid when the file goes. */
export interface PlannedNetwork {
  readonly name: string;
  readonly ifName: string;
  readonly config: string;
}

/** Everything decided before the first effect on the host. Immutable, JSON. */
export interface SandboxPlan {
  readonly pod: PodIdentity;
  readonly handler: RuntimeHandler;
  readonly declares: ControllerDeclaration;
  /** base64 of the CRI PodSandboxConfig. */
  readonly config: string;
  /** SHA-256 (hex) of configuration and handler: two requests with the same one are the same request. */
  readonly checksum: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly passedAnnotations: Readonly<Record<string, string>>;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns?: DnsConfig;
  readonly hostNetwork: boolean;
  readonly hostIpc: boolean;
  readonly pidMode: "pod" | "container" | "node";
  readonly userNamespace?: { readonly uids: readonly IdMapping[]; readonly gids: readonly IdMapping[] };
  readonly sysctls: Readonly<Record<string, string>>;
  readonly privileged: boolean;
  readonly security: SandboxSecurity;
  readonly resources: SandboxResources;
  readonly overhead: SandboxResources;
  /** Namespaces that crib pins for the pod, by the path they are pinned at. */
  readonly namespaces: NamespacePaths;
  readonly networks: readonly PlannedNetwork[];
  readonly cniArgs: readonly (readonly [string, string])[];
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
  readonly rootDir: string;
  readonly stateDir: string;
  readonly shmPath: string;
  readonly cgroupPath: string;
  /**
   * Cgroups above it, deepest first, that did not exist before a pod of crib was put there. They go with the last pod that
   * names them; those of a kubelet exist before, and stay.
   */
  readonly ownedCgroups: readonly string[];
}

/** The network as attached. */
export interface NetworkFact {
  /** The pod's own address first, the others in the plugins' order. Without prefix length. */
  readonly addresses: readonly string[];
  /** One CNI result for each planned network, in the newest version, in their order. */
  readonly results: readonly unknown[];
}

/** What steps learned. */
export interface SandboxFacts {
  readonly network: NetworkFact;
  readonly instance: Omit<SandboxInstance, "createdAt"> & { readonly createdAt: string };
  readonly exit: { readonly exitCode: number; readonly exitedAt: string; readonly reason: string };
  /** Which events plugins were told, so that each is told once, also after a restart. */
  readonly pluginEvents: readonly ("run" | "stop" | "remove")[];
  /** Resources and overhead after UpdatePodSandboxResources. */
  readonly updated: { readonly resources?: SandboxResources; readonly overhead?: SandboxResources };
}

/** What stands in the way of ending a flow; the row is kept and retried until it is gone. */
export type SandboxProblem = FlowProblem;

/** Why nothing can be done with a sandbox but to stop and remove it. */
export interface SandboxUnreachable {
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string;
}

/** A pod sandbox as it is stored: record and intent in one. */
export interface SandboxRecord {
  readonly version: 1;
  readonly id: string;
  /** `name_namespace_uid_attempt`. */
  readonly name: string;
  readonly state: SandboxState;
  /** ISO 8601, when the request was accepted. */
  readonly createdAt: string;
  /** The boot it was made in; another one means that nothing volatile of it is left. */
  readonly bootId: string;
  readonly plan: SandboxPlan;
  readonly facts: Readonly<Partial<SandboxFacts>>;
  readonly problem?: SandboxProblem;
  /** Set while it is `ready` as far as anybody knows, and nobody can be asked: it is shown as not ready, and stays as it is. */
  readonly unreachable?: SandboxUnreachable;
  /** Set while its sandboxer cannot be asked; never stored. After the sandboxer's `pendingGraceMs` the pod is shown as unreachable too. */
  readonly pending?: SandboxUnreachable;
  /** The last run of each flow over this row, oldest first. */
  readonly runs: readonly FlowRun[];
}

/** A change of a pod that clients are told of. */
export interface SandboxEvent {
  readonly kind: "created" | "started" | "stopped" | "deleted";
  readonly record: SandboxRecord;
  readonly at: Date;
}

/** Which sandboxes a list is of; all conditions given must hold. */
export interface SandboxFilter {
  /** Id or unique prefix; one that matches nothing gives an empty list. */
  readonly id?: string;
  readonly ready?: boolean;
  /** Exact matches, all of them. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What a controller says of a pod; each part only where it told. */
export interface ControllerFacts extends Partial<SandboxStatus> {
  readonly platform?: Platform;
  /** Where the pod's tasks are served, once they are. */
  readonly endpoint?: TaskEndpoint;
  /** Why something is missing. */
  readonly problem?: string;
}

/** The pod sandboxes of this daemon: what the CRI calls stand on. */
export interface PodSandboxes {
  /**
   * Runs a pod sandbox and gives its id. The same request (pod, configuration, handler) joins the one that runs or gets
   * its result. `signal` ends the caller's wait, never the work. Errors: InvalidArgument (unknown handler), AlreadyExists
   * (same pod, other configuration, or a sandbox that is no longer ready), Unavailable (no network configuration).
   */
  run(request: PodSandboxRequest, signal: AbortSignal): Promise<string>;
  /** Idempotent; an unknown id succeeds. Aborts a run that is still under way and waits for its undo. */
  stop(id: string, signal: AbortSignal): Promise<void>;
  /** Idempotent; an unknown id succeeds. Stops first. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** The record of an id or of a unique prefix. NotFound; InvalidArgument when empty or ambiguous. Rows that are still `creating` are not found. */
  get(idOrPrefix: string): SandboxRecord;
  /**
   * What the pod's controller says of it, for whoever looks closely: asks it, for at most a second, and never fails for what it does or
   * does not answer. Undefined for a pod that is not ready. NotFound.
   */
  describe(id: string, signal: AbortSignal): Promise<ControllerFacts | undefined>;
  /** What the pod's controller measures of it, asked for at most a second; undefined where it does not. NotFound for an unknown pod. */
  metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined>;
  /** From memory. Rows that are still `creating` are not listed, unless their undo failed. */
  list(filter?: SandboxFilter): readonly SandboxRecord[];
  /** Stores changed resources and tells the controller. NotFound. */
  update(
    id: string,
    change: { readonly resources?: SandboxResources; readonly overhead?: SandboxResources },
    signal: AbortSignal,
  ): Promise<void>;
  /** Events from now on, until `signal` is aborted. A reader that is more than 10,000 events behind loses the oldest. */
  watch(signal: AbortSignal): AsyncIterable<SandboxEvent>;
}
