import type { Images } from "@crib/core";
import type { Containers } from "@crib/core/containers";
import type { Execs } from "@crib/core/exec";
import type { PodSandboxes, RuntimeHandler } from "@crib/core/sandbox";
import type { Stats } from "@crib/core/stats";
import type { StreamingServer } from "@crib/streaming";

/** What the CRI services stand on. Nothing in here knows gRPC. */
export interface CriDeps {
  readonly sandboxes: PodSandboxes;
  readonly containers: Containers;
  readonly execs: Execs;
  /** Hands out the URLs of exec, attach and port-forward. */
  readonly streaming: Pick<StreamingServer, "exec" | "attach" | "portForward">;
  /** Usage of pods and containers. */
  readonly stats: Stats;
  readonly images: Images;
  readonly version: { readonly runtimeName: string; readonly runtimeVersion: string };
  readonly handlers: RuntimeHandlers;
  readonly features: RuntimeFeatures;
  readonly networks: Networks;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** What images take, and what containers write. Asked every 10 seconds by the kubelet, so it has to be cheap. */
  readonly imageFs: (signal: AbortSignal) => Promise<ImageFsUsage>;
  /** Configuration in force as shown by verbose Status; anything that JSON can say, without secrets. */
  readonly config: () => unknown;
  /** Controllers in other processes as they stand, as shown by verbose Status. Default: none. */
  readonly sandboxers?: () => unknown;
  readonly gate: Gate;
  readonly log: CriLog;
}

/** Closed from the start of the daemon until it has re-attached to its pods; Version and Status answer all the while. */
export interface Gate {
  readonly isOpen: boolean;
}

/** The runtime handlers (RuntimeClasses) that pods may ask for. They may change while the daemon runs, so they are looked up each time. */
export interface RuntimeHandlers {
  /** Name of the handler of pods that ask for none. */
  readonly defaultName: string;
  /** Those that pods can run with. */
  readonly all: readonly OfferedHandler[];
  /** Those that are configured and cannot run pods. Default: none. */
  readonly broken?: readonly BrokenHandler[];
}

/** A runtime handler that cannot run pods as it is configured. */
export interface BrokenHandler {
  readonly handler: RuntimeHandler;
  /** What is wrong, naming what has to be changed. */
  readonly reason: string;
}

/** A runtime handler and what it can do. */
export interface OfferedHandler {
  readonly handler: RuntimeHandler;
  readonly recursiveReadOnlyMounts: boolean;
  readonly userNamespaces: boolean;
}

/** What the runtime can do whichever handler runs a pod. */
export interface RuntimeFeatures {
  /** Whether containers get the groups that the policy `Strict` names and no others. */
  readonly supplementalGroupsPolicy: boolean;
  /** Whether a pod may have a user namespace of its own and the host's network. */
  readonly userNamespacesHostNetwork: boolean;
}

/** The pod network as far as the CRI speaks of it. */
export interface Networks {
  /** Whether pods can be attached; if not, a reason in one word and a message that names directory and file. */
  status(signal: AbortSignal): Promise<NetworkStatus>;
  /** The loaded configurations as shown by verbose Status; anything that JSON can say. */
  describe(): unknown;
  /** Takes the pod networks that the kubelet was given: CIDRs, at most one of each family. */
  updatePodCidrs(cidrs: readonly string[]): Promise<void>;
}

export interface NetworkStatus {
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
}

/** Usage of the file systems that grow with images and containers; one may be both. */
export interface ImageFsUsage {
  readonly images: FilesystemUsage;
  readonly containers: FilesystemUsage;
}

/** What crib takes of a file system. */
export interface FilesystemUsage {
  readonly measuredAt: Date;
  readonly mountpoint: string;
  readonly usedBytes: bigint;
  readonly inodesUsed: bigint;
}

/** Where the services tell what went wrong: a constant message, ids as fields. */
export interface CriLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}
