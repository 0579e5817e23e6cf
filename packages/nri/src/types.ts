import type { Container, ContainerAdjustment, ContainerEviction, ContainerUpdate, PodSandbox } from "@crib/wire/nri";
import type { LinuxResources } from "@crib/wire/nri";

/** What the built-in validator refuses. It decides by who owns a field of an adjustment, not by the value. */
export interface DefaultValidatorOptions {
  /** Default false: it is not asked. */
  readonly enable: boolean;
  readonly rejectOciHooks: boolean;
  /** Of containers whose seccomp profile is the runtime's default. */
  readonly rejectRuntimeDefaultSeccomp: boolean;
  /** Of containers without a seccomp profile. */
  readonly rejectUnconfinedSeccomp: boolean;
  /** Of containers with a profile of the node. */
  readonly rejectCustomSeccomp: boolean;
  readonly rejectNamespaces: boolean;
  readonly rejectSysctls: boolean;
  /** `NAME` or `NN-NAME`: without them no pod is run and no container created. */
  readonly requiredPlugins: readonly string[];
  /** Key of a pod annotation (`true` or `false`) that lets the pod do without; empty: there is none. */
  readonly tolerateMissingAnnotation: string;
}

/** How plugins reach the runtime, and how long they may take. */
export interface NriOptions {
  /** Default true. Without it there is no socket and no plugin is started. */
  readonly enable: boolean;
  /** Absolute path of the socket that plugins connect to. */
  readonly socket: string;
  /** Directory of plugins that are started with the daemon, `NN-name` each. Default `/opt/nri/plugins`. */
  readonly pluginDir: string;
  /** Their configurations, `NN-name.conf` or `name.conf`. Default `/etc/nri/conf.d`. */
  readonly pluginConfigDir: string;
  /** From connecting to registering. Default 5,000. */
  readonly registrationTimeoutMs: number;
  /** For Configure and for each event. Default 2,000. */
  readonly requestTimeoutMs: number;
  /** For the whole of Synchronize, and for the wait until the steps that run have ended. Default 10,000. */
  readonly synchronizeTimeoutMs: number;
  /** No socket: only plugins of `pluginDir`. */
  readonly disableConnections: boolean;
  readonly defaultValidator: DefaultValidatorOptions;
  /** Told to plugins. Default `crib`. */
  readonly runtimeName?: string;
  /** Told to plugins. Default `0.1.0`. */
  readonly runtimeVersion?: string;
  /**
   * Events that one plugin may have at a time; more wait for their turn. Those of one container always come one after another.
   * Default 32; 1 for plugins that cannot take two pods' events at once. At most 100: the receiver of Go plugins breaks off at 256
   * unread frames.
   */
  readonly maxConcurrentEvents?: number;
}

/** Takes what happens to plugins: a constant message, with names as fields. */
export type NriLog = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** Pods and containers as of one moment, for a plugin that joins. Creations are held until `release`. */
export interface HeldNode {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
  /** Idempotent. */
  release(): void;
}

/** What plugins can reach of the runtime. */
export interface NriHost {
  /** Waits for the creations and starts that run, holds new ones, and tells what there is. Releases all when `signal` is aborted. */
  hold(signal: AbortSignal): Promise<HeldNode>;
  /** Changes limits of containers, each under its own lock; unknown ids are passed over. Gives those that failed. Never rejects. */
  update(updates: readonly ContainerUpdate[]): Promise<readonly ContainerUpdate[]>;
  /** Ends a container without grace. */
  evict(eviction: ContainerEviction): Promise<void>;
}

/** A pod or a container of it, as an event tells of it. */
export interface Subject {
  readonly pod?: PodSandbox;
  readonly container?: Container;
}

/** A container with its pod. */
export interface ContainerSubject {
  readonly pod: PodSandbox;
  readonly container: Container;
}

/** What all plugins together want of a container that is being created. */
export interface CreateResult {
  /** Merged; removals are entries whose key begins with `-`, and come before what is set instead. Absent: nothing. */
  readonly adjust?: ContainerAdjustment;
  readonly updates: readonly ContainerUpdate[];
}

/** What plugins make of an update. */
export interface UpdateResult {
  /** What the container shall get; absent where no plugin touched it. */
  readonly resources?: LinuxResources;
  /** Of other containers. */
  readonly updates: readonly ContainerUpdate[];
}

/** Events that tell, and whether a plugin may refuse. */
export type NotifyEvent =
  | "RunPodSandbox"
  | "UpdatePodSandbox"
  | "PostUpdatePodSandbox"
  | "StopPodSandbox"
  | "RemovePodSandbox"
  | "PostCreateContainer"
  | "StartContainer"
  | "PostStartContainer"
  | "PostUpdateContainer"
  | "RemoveContainer";

/** Every event that a plugin can subscribe to. */
export type NriEvent =
  | NotifyEvent
  | "CreateContainer"
  | "UpdateContainer"
  | "StopContainer"
  | "ValidateContainerAdjustment";

/** A plugin that takes events. */
export interface PluginInfo {
  /** `NN-name`. */
  readonly fullName: string;
  readonly index: string;
  readonly name: string;
  readonly events: readonly NriEvent[];
  /** Its process; 0 where this process cannot see it. */
  readonly pid: number;
}

/** Calls of one operation of one plugin. */
export interface NriInvocations {
  readonly plugin: string;
  /** An event, `Configure` or `Synchronize`. */
  readonly operation: string;
  /** `lost`: it was late or its connection broke. */
  readonly status: "ok" | "refused" | "lost";
  readonly count: number;
  /** Milliseconds of all of them together, and of the longest. */
  readonly totalMs: number;
  readonly longestMs: number;
}

/** Counters since the daemon's start. */
export interface NriMetrics {
  readonly activePlugins: number;
  readonly invocations: readonly NriInvocations[];
  /** Adjustments by the name of their field. */
  readonly adjustments: Readonly<Record<string, number>>;
}

/** The runtime's side of NRI. Where no plugin is connected every call returns at once. */
export interface Nri extends AsyncDisposable {
  /**
   * Starts the plugins of the directory, waits until they have joined or failed, and listens on the socket. To be called once, when
   * the host's state is complete. Errors: FailedPrecondition (another process serves the socket), PermissionDenied.
   */
  start(host: NriHost): Promise<void>;
  /** Whether any plugin, or the built-in validator, is to be asked about anything. */
  readonly isActive: boolean;
  /** Whether an event would reach anybody: what need not be made for it can be left out. */
  wants(event: NriEvent): boolean;
  /** In the order of calls. */
  plugins(): readonly PluginInfo[];
  /**
   * Tells plugins, one after another. Of RunPodSandbox, UpdatePodSandbox and StartContainer the first refusal is thrown
   * (FailedPrecondition, with the plugin's words); of others it is logged and the next one told.
   */
  notify(event: NotifyEvent, subject: Subject, signal: AbortSignal): Promise<void>;
  /** As `notify` of UpdatePodSandbox, with the change. */
  updatePodSandbox(
    pod: PodSandbox,
    change: { readonly overhead?: LinuxResources; readonly resources?: LinuxResources },
    signal: AbortSignal,
  ): Promise<void>;
  /** Throws FailedPrecondition: a plugin refused, two want the same, a reply was not valid, a validator said no. */
  createContainer(subject: ContainerSubject, signal: AbortSignal): Promise<CreateResult>;
  /** Throws FailedPrecondition as `createContainer`. */
  updateContainer(subject: ContainerSubject, resources: LinuxResources, signal: AbortSignal): Promise<UpdateResult>;
  /** Tells all; refusals are logged. Gives updates of other containers. */
  stopContainer(subject: Subject, signal: AbortSignal): Promise<readonly ContainerUpdate[]>;
  metrics(): NriMetrics;
  /** Closes all connections, ends started plugins and removes the socket. Idempotent. */
  close(): Promise<void>;
}
