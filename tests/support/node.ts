import type { CriClient } from "@crib/cri-client";

import type { DaemonProcess } from "./daemon-process.ts";
import type { Lane } from "./lane.ts";
import type { Json } from "./network-config.ts";
import type { KubeletPodConfig, PodConfig } from "./pod-config.ts";
import type { Pod } from "./pod.ts";
import type { TomlValue } from "./to-toml.ts";

/** What a test may want of its node. */
export interface NodeOptions {
  /** Plugins of its network; `[]` writes no configuration. Default: the lane's bridge with portmap. */
  readonly plugins?: (lane: Lane) => readonly Json[];
  /** Tables of the configuration, over those that every node has. */
  readonly config?: (lane: Lane) => {
    readonly cni?: Readonly<Record<string, TomlValue>>;
    readonly runtime?: Readonly<Record<string, TomlValue>>;
    readonly runtimes?: Readonly<Record<string, Readonly<Record<string, TomlValue>>>>;
    readonly sandboxers?: Readonly<Record<string, Readonly<Record<string, TomlValue>>>>;
    readonly flow?: Readonly<Record<string, TomlValue>>;
    readonly images?: Readonly<Record<string, TomlValue>>;
    readonly registry?: Readonly<Record<string, TomlValue>>;
    readonly containers?: Readonly<Record<string, TomlValue>>;
    readonly streaming?: Readonly<Record<string, TomlValue>>;
    readonly nri?: Readonly<Record<string, TomlValue>>;
    readonly metrics?: Readonly<Record<string, TomlValue>>;
  };
  /** Faults for the daemon, as CRIB_FAULTS. */
  readonly faults?: string;
  readonly umask?: string;
}

/** What a pod may want beside what the kubelet asks for anyway. */
export interface PodOptions {
  readonly name?: string;
  readonly handler?: string;
  /** Changes the configuration that the kubelet would send. */
  readonly change?: (config: KubeletPodConfig) => PodConfig;
}

/** A crib of its own, with root, state, socket, network and cgroup that no other has. */
export interface Node {
  readonly lane: Lane;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly configFile: string;
  readonly cniConfDir: string;
  /** A client of the daemon that runs now. */
  readonly cri: CriClient;
  /** The daemon that runs now. */
  readonly daemon: DaemonProcess;
  /** The ending of the ids that it gives. */
  readonly instance: string;
  runPod(options?: PodOptions): Promise<Pod>;
  /** The configuration that `runPod` would ask with. */
  podConfig(options?: PodOptions): PodConfig;
  /** A handle on a pod that was asked for otherwise. */
  pod(id: string, config: PodConfig, handler?: string): Pod;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** SIGTERM, and waits for the end. */
  term(): Promise<{ readonly exitCode: number | null }>;
  /** Gives the daemon faults, as CRIB_FAULTS, in the place of those that it has; `""` takes them away. */
  inject(faults: string): void;
  /** Starts the daemon again, after SIGKILL where it still runs; without `faults` it has none. */
  restart(options?: { readonly faults?: string }): Promise<void>;
  /** Everything that the daemons of this node printed. */
  log(): string;
  /** What is on the host for pods of this node, by a listing made without crib. Empty when no pod was made or all are removed. */
  leftovers(): Promise<readonly string[]>;
  /** The leak counters of crib that are not zero. */
  leaks(): Promise<readonly string[]>;
  /** Ids of all pods listed, with their states. */
  list(): Promise<ReadonlyMap<string, "READY" | "NOTREADY">>;
  /** Removes every pod, also those whose first removal fails, for at most `withinMs`. */
  removeAllPods(withinMs?: number): Promise<void>;
}
