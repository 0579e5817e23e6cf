import type { ImageRows } from "./images/read-image-rows.ts";
import type { MarkedProcess } from "./processes/marked-processes.ts";
import type { ContainerRow, SandboxRow } from "./records/read-rows.ts";

/** Where to look for leaks, and whose. Only `root` and `state` name a daemon; the rest has the defaults of the configuration. */
export interface LeakConfig {
  readonly root: string;
  readonly state: string;
  /** Default `crib.sock` in the state directory. */
  readonly socket?: string;
  /** Default `/run/netns`. */
  readonly netnsDir?: string;
  /** Directories of CNI configurations, read for bridges and data directories of IPAM plugins. Default `/etc/cni/net.d`. */
  readonly cniConfDirs?: readonly string[];
  /** Data directories of the host-local plugin beside those of the configurations. Default `/var/lib/cni/networks`. */
  readonly ipamDirs?: readonly string[];
  /** Where shims make their sockets. Default `/run/containerd/s`. */
  readonly shimSocketDir?: string;
  /** Where shims keep the state of runc. Default `/run/containerd/runc`. */
  readonly runtimeRoots?: readonly string[];
  /** Default `k8s.io`. */
  readonly namespace?: string;
  /**
   * Milliseconds after which a finding must still be there: what a busy daemon is making or removing just now is not a
   * leak, and the kernel takes network devices down some time after their namespace. Default 300.
   */
  readonly secondLookMs?: number;
  /**
   * Milliseconds for which blobs and layers may be there that nothing leads to: those of a pull that failed and will be tried
   * again. Default 600,000. With 0 whatever nothing leads to is counted.
   */
  readonly keepPartialsMs?: number;
}

/** One thing on the host that belongs to no row of the daemon. */
export interface Finding {
  /** Name of the counter. */
  readonly counter: string;
  /** What it is, for people. */
  readonly what: string;
  /** Why it is this daemon's, and why nothing holds it. */
  readonly why: string;
  readonly path?: string;
  readonly pid?: number;
  /** The id of the sandbox or container by which it was attributed. */
  readonly rowId?: string;
}

/**
 * What a row lets exist. A pod's: `network` and `process` only until it is stopped, all else until it is removed. A container's: `process` and
 * `runtime` (cgroup, state of the runtime, FIFOs) while it runs, `rootfs` until it has ended, `files` until it is removed.
 */
export type Held = "network" | "process" | "runtime" | "rootfs" | "files";

/** What counters share: whose things are sought, and what the rows hold. */
export interface LeakContext {
  readonly config: Required<LeakConfig>;
  /** Whether this daemon gave the id. */
  readonly owns: (id: string) => boolean;
  /** Why nothing holds a thing of this id; undefined when its row does. */
  readonly unheld: (id: string, kind: Held) => string | undefined;
  readonly row: (id: string) => SandboxRow | undefined;
  readonly rows: readonly SandboxRow[];
  readonly container: (id: string) => ContainerRow | undefined;
  readonly containers: readonly ContainerRow[];
  /** Names of things in the records that could not be read: database, single rows. */
  readonly unreadable: readonly string[];
  /** Whether there is a database at all. */
  readonly hasDatabase: boolean;
  /** What the database says of images, pulls and snapshots. One reading, shared; rejects when it cannot be read. */
  readonly images: () => Promise<ImageRows>;
  /** Processes that carry this daemon's marker. One scan, shared. */
  readonly marked: () => Promise<readonly MarkedProcess[]>;
  /** Process of the daemon; undefined when it does not run. */
  readonly daemon: () => Promise<number | undefined>;
}

/**
 * Counts one kind of thing. It lists the host, attributes by crib's names, and only then asks the rows; what cannot be
 * attributed to this daemon is not counted.
 */
export interface LeakCounter {
  readonly name: string;
  /** Rejects when the host cannot be listed: then the count is unknown, not zero. */
  find(context: LeakContext): Promise<readonly Finding[]>;
}

/** What was found on the host. */
export interface LeakReport {
  /** The ending of the daemon's ids; absent when no daemon ever ran on this root. */
  readonly instance?: string;
  /** Process of the daemon; absent when it does not run. */
  readonly daemon?: number;
  /** By counter, in their order; null where it could not be counted. */
  readonly counts: Readonly<Record<string, number | null>>;
  readonly findings: readonly Finding[];
  /** Why a counter has no count. */
  readonly problems: readonly { readonly counter: string; readonly message: string }[];
}
