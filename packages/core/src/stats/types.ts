import type { ContainerRecord } from "../containers/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";

/** Counters since the start, gauges at `timestamp`; what is not known is absent. */
export interface CpuUsage {
  readonly usageNanos: bigint;
  /** Nanoseconds in each second, averaged over a recent time. */
  readonly usageNanoCores?: bigint;
}

/** Bytes. */
export interface MemoryUsage {
  readonly usageBytes: bigint;
  /** Usage without inactive page cache. */
  readonly workingSetBytes: bigint;
  /** Limit minus working set; absent without a limit. */
  readonly availableBytes?: bigint;
  readonly rssBytes?: bigint;
  readonly pageFaults?: bigint;
  readonly majorPageFaults?: bigint;
}

/** Pressure stall information of one resource (cgroup v2): microseconds in total, percents averaged. */
export interface Pressure {
  readonly some: PressureLine;
  readonly full?: PressureLine;
}

export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalMicros: bigint;
}

export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: bigint;
  readonly rxErrors: bigint;
  readonly rxPackets?: bigint;
  readonly rxDropped?: bigint;
  readonly txBytes: bigint;
  readonly txErrors: bigint;
  readonly txPackets?: bigint;
  readonly txDropped?: bigint;
}

/** What a container writes into its root file system. */
export interface WritableLayerUsage {
  readonly timestamp: Date;
  readonly mountpoint: string;
  readonly usedBytes: bigint;
  readonly inodesUsed: bigint;
}

/** Usage of one container. One that does not run has only its writable layer. */
export interface ContainerUsage {
  readonly timestamp: Date;
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly swap?: { readonly usageBytes: bigint; readonly availableBytes?: bigint };
  readonly pids?: { readonly current: bigint; readonly limit?: bigint };
  readonly pressure?: { readonly cpu?: Pressure; readonly memory?: Pressure; readonly io?: Pressure };
  readonly writableLayer?: WritableLayerUsage;
}

/** Usage of a pod as a whole. */
export interface PodUsage {
  readonly timestamp: Date;
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly pressure?: ContainerUsage["pressure"];
  readonly processCount?: bigint;
  /** The interfaces in the pod's network namespace, without loopback. Absent for pods in the host's. */
  readonly network?: { readonly defaultInterface: string; readonly interfaces: readonly InterfaceUsage[] };
}

/** Figures that only the metrics calls tell, named as cAdvisor's; counters and bytes. What the host does not account for is absent. */
export interface UsageDetails {
  readonly cpu?: {
    readonly userNanos?: bigint;
    readonly systemNanos?: bigint;
    /** Periods of the CPU quota that have passed; absent or zero without a quota. */
    readonly periods?: bigint;
    readonly throttledPeriods?: bigint;
    readonly throttledNanos?: bigint;
  };
  readonly memory?: {
    readonly cacheBytes?: bigint;
    readonly kernelBytes?: bigint;
    readonly mappedFileBytes?: bigint;
    readonly maxUsageBytes?: bigint;
    /** Times that the limit was reached. */
    readonly limitHits?: bigint;
  };
  /** Processes that were ended for lack of memory. */
  readonly oomKills?: bigint;
  readonly hugepages?: readonly {
    /** `2MB` and so on. */
    readonly pageSize: string;
    readonly usageBytes: bigint;
    readonly maxUsageBytes?: bigint;
  }[];
  readonly blockIo?: readonly {
    readonly major: number;
    readonly minor: number;
    /** `/dev/sda`; empty where it has no name. */
    readonly device: string;
    readonly readBytes: bigint;
    readonly writeBytes: bigint;
    readonly reads: bigint;
    readonly writes: bigint;
  }[];
  /** Of all its processes together. */
  readonly processes?: {
    readonly count: bigint;
    /** Absent where there are too many to count. */
    readonly fileDescriptors?: bigint;
    readonly sockets?: bigint;
    /** Soft limit of open files of the first process. */
    readonly openFilesLimit?: bigint;
  };
  /** The file system of the writable layer. */
  readonly filesystem?: {
    readonly device: string;
    readonly limitBytes: bigint;
    readonly inodes: bigint;
    readonly inodesFree: bigint;
  };
}

/** Usage of pods and containers. Reading is cheap: one that is gone meanwhile costs only its own figures. */
export interface Stats {
  /** NotFound where the container is gone. */
  container(record: ContainerRecord, signal: AbortSignal): Promise<ContainerUsage>;
  /**
   * What the metrics calls tell besides, for a running container; dearer than `container`, since it looks at each process. NotFound
   * where it is gone. Absent where nobody can tell.
   */
  details?(record: ContainerRecord, signal: AbortSignal): Promise<UsageDetails>;
  /** NotFound or Unavailable where the pod is going away. */
  pod(record: SandboxRecord, signal: AbortSignal): Promise<PodUsage>;
}
