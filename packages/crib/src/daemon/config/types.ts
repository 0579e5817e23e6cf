import type { RuntimeHandler } from "@crib/core";
import type { LogLimit } from "@crib/core/containers";
import type { SandboxerConfig } from "@crib/core/proxy";
import type { SpecOptions } from "@crib/core/spec";
import type { NriOptions } from "@crib/nri";

/** The bridge network that crib provides where no CNI configuration is installed. */
export interface DefaultNetwork {
  /** Name of the CNI network. */
  readonly name: string;
  /** IPv4 range of the pods, in CIDR form. */
  readonly subnet: string;
  /** Name of the host's bridge interface. */
  readonly bridge: string;
}

/** How pods get their network. */
export interface CniConfig {
  /** Directory of the CNI configurations. */
  readonly confDir: string;
  /** Directories of the plugin binaries; the first match wins. */
  readonly binDirs: readonly string[];
  /** How many configurations of `confDir` a pod is attached to; 0 is all. */
  readonly maxConfNum: number;
  /** Whether `lo` is brought up by crib itself or by the loopback plugin. */
  readonly loopback: "native" | "plugin";
  /** Which address of the pod is its first one: the first of a family, or the first that the plugins gave. */
  readonly ipPreference: "ipv4" | "ipv6" | "cni";
  /** Whether the plugins' GC runs at the start. It frees what is not crib's, so no other runtime may use the networks. */
  readonly gc: boolean;
  /** The network that crib provides; false: only what `confDir` holds. */
  readonly defaultNetwork: false | DefaultNetwork;
}

/** What is the same for all runtime handlers. */
export interface RuntimeConfig {
  /** Name of the handler for pods that name none. */
  readonly defaultHandler: string;
  /** Directory in which network namespaces are pinned as `crib-ID`. */
  readonly netnsDir: string;
  /** Cgroup into which shims are moved before they serve, absolute below each hierarchy's root. */
  readonly shimCgroup: string;
  /** The static pause program; empty: found on the machine. */
  readonly pauseBinary: string;
  /** How cgroups are made; told to the kubelet. */
  readonly cgroupDriver: "cgroupfs" | "systemd";
}

/** How registries are reached. */
export interface RegistryConfig {
  /** Directories with the layout `HOST/hosts.toml`; the first that has one for the host wins. */
  readonly configPaths: readonly string[];
  /** Files of credentials, in the format of Docker's config.json; the first that has the registry wins. */
  readonly authFiles: readonly string[];
  readonly requestsPerHost: number;
  readonly tries: number;
  /** Milliseconds before the second try of a request. */
  readonly retryMinMs: number;
  /** Milliseconds without a byte after which a transfer is tried again. */
  readonly stallMs: number;
  /** Milliseconds of the longest Retry-After that is waited for. */
  readonly retryAfterLimitMs: number;
  readonly redirects: number;
}

/** What an image may be at most. */
export interface ImageLimits {
  readonly manifestBytes: number;
  readonly configBytes: number;
  /** Entries of an index. */
  readonly manifests: number;
  readonly layers: number;
  /** Of one layer, uncompressed. */
  readonly unpackedBytes: number;
  /** Of one layer. */
  readonly entries: number;
  /** Of a PAX header, GNU long name or sparse map. */
  readonly headerBytes: number;
  /** Of a path inside a layer. */
  readonly pathBytes: number;
}

/** How images are pulled and kept. */
export interface ImagesConfig {
  /** Image of pause processes; empty: the built-in one. */
  readonly pauseImage: string;
  /** Layers of one image that are transferred at a time. */
  readonly maxConcurrentDownloads: number;
  /** Layers of all images that are transferred at a time. */
  readonly maxTotalDownloads: number;
  /** Layers of all images that are unpacked at a time. */
  readonly unpackWorkers: number;
  /** Whether an image is on the disk before its row is written. */
  readonly sync: boolean;
  /** Milliseconds for which partial blobs are kept to be resumed. */
  readonly keepPartialsMs: number;
  /** Milliseconds without a byte after which a pull fails. */
  readonly progressTimeoutMs: number;
  readonly limits: ImageLimits;
}

/** How containers are made. */
export interface ContainersConfig {
  /** Bytes of a line of a container's log. */
  readonly maxLogLineBytes: number;
  /** Bounds each container's log; absent: no bounds. */
  readonly logLimit?: LogLimit;
  /** Milliseconds that ExecSync waits for output that a child of the command keeps open. */
  readonly execSyncDrainMs: number;
  /** What is the same in the specifications of all containers. */
  readonly spec: SpecOptions;
}

/** The server of exec, attach and port-forward. */
export interface StreamingConfig {
  readonly address: string;
  /** 0 is any free one. */
  readonly port: number;
  /** Empty: the address. */
  readonly baseUrl: string;
  /** Files in PEM form; absent: no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Milliseconds. */
  readonly idleMs: number;
  readonly creationMs: number;
}

/** Plugins over NRI, with nothing left open. */
export type NriConfig = Required<Omit<NriOptions, "runtimeName" | "runtimeVersion">>;

/** Figures for monitoring. */
export interface MetricsConfig {
  /** `host:port`; empty: none are served. */
  readonly address: string;
}

/** Time budgets of flows. */
export interface FlowConfig {
  /** Milliseconds for `do`, by step name; a step that is not named keeps its own budget. */
  readonly budgetsMs: Readonly<Record<string, number>>;
  /** Milliseconds for `undo`, by step name. */
  readonly undoBudgetsMs: Readonly<Record<string, number>>;
  /** Milliseconds for a whole RunPodSandbox. */
  readonly runPodSandboxBudgetMs: number;
  /** Milliseconds before the first retry of a failed undo; doubled each time. */
  readonly retryMinMs: number;
  /** Milliseconds at most between two retries. */
  readonly retryMaxMs: number;
}

/** What is logged, and how. */
export interface LogConfig {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  /** `auto`: text on a terminal, else JSON lines. */
  readonly format: "auto" | "json" | "text";
}

/** The configuration of a daemon with everything filled in: all paths absolute, all durations milliseconds. */
export interface DaemonConfig {
  /** Persistent data. */
  readonly root: string;
  /** Volatile data, best on a tmpfs. */
  readonly state: string;
  /** Socket of the CRI and of crib's own admin service. */
  readonly socket: string;
  readonly cni: CniConfig;
  readonly runtime: RuntimeConfig;
  /** By name; the default one is among them. */
  readonly runtimes: Readonly<Record<string, RuntimeHandler>>;
  /** By name. */
  readonly sandboxers: Readonly<Record<string, SandboxerConfig>>;
  readonly registry: RegistryConfig;
  readonly images: ImagesConfig;
  readonly containers: ContainersConfig;
  readonly streaming: StreamingConfig;
  readonly nri: NriConfig;
  readonly metrics: MetricsConfig;
  readonly flow: FlowConfig;
  readonly log: LogConfig;
}

/** What the command line sets over the file. */
export interface ConfigFlags {
  readonly root?: string;
  readonly state?: string;
  readonly socket?: string;
  readonly cniConfDir?: string;
  readonly cniBinDirs?: readonly string[];
  readonly netnsDir?: string;
  /** Turns the default network on, with the settings of the file. */
  readonly defaultNetwork?: boolean;
  readonly logLevel?: string;
}
