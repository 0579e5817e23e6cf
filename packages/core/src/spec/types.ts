import type { ImageConfig, LinuxIdMapping, Mount, RuntimeSpec } from "@crib/oci-spec";

import type { ContainerPlan, ContainerUser } from "../containers/types.ts";
import type { RuntimeHandler, SandboxRecord } from "../sandbox/types.ts";

/** What the host and the runtime can do; found out once at the daemon's start. */
export interface HostFeatures {
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** Controllers that are there, of either version. */
  readonly cgroupControllers: readonly string[];
  readonly apparmor: boolean;
  readonly selinux: boolean;
  /** Lowest oom_score_adj that the daemon may give; -1000 with CAP_SYS_RESOURCE. */
  readonly oomScoreAdjFloor: number;
  readonly seccomp: boolean;
  /** `CAP_...` names that children of the daemon can have. Absent: those of this process. */
  readonly capabilities?: readonly string[];
  /** Whether swap can be limited by cgroup. Absent: looked up. */
  readonly swapAccounting?: boolean;
  /** Whether cache and memory bandwidth can be controlled (RDT). Absent: looked up when it is wanted. */
  readonly rdt?: boolean;
  /** What the OCI runtime of each handler can, by the handler's name; one that is absent can nothing of it. */
  readonly runtimes?: Readonly<
    Record<string, { readonly recursiveReadOnlyMounts: boolean; readonly idmappedMounts: boolean }>
  >;
}

/** What a container's specification is made from. */
export interface SpecInput {
  readonly id: string;
  readonly plan: ContainerPlan;
  readonly sandbox: SandboxRecord;
  readonly handler: RuntimeHandler;
  readonly image: ImageConfig;
  /** The container's root file system, mounted there. Everything below it is hostile; see `openInRoot`. */
  readonly rootfs: string;
  /** Live pid of the container whose PID namespace is joined (mode TARGET). */
  readonly targetPid?: number;
  /** Mounts of images and of volumes that the image declares, prepared by `VolumeStore`. */
  readonly volumes: readonly PreparedVolume[];
  readonly features: HostFeatures;
  readonly options: SpecOptions;
}

/** What the configuration says of all containers. */
export interface SpecOptions {
  /** Directories of CDI specifications. Default `/etc/cdi`, `/var/run/cdi`. */
  readonly cdiSpecDirs: readonly string[];
  /** An image's volumes are left alone. */
  readonly ignoreImageDefinedVolumes: boolean;
  /** Huge page limits for which there is no controller are an error when false. */
  readonly tolerateMissingHugetlb: boolean;
  /** Privileged containers get all host devices unless told otherwise. */
  readonly privilegedWithoutHostDevices: boolean;
  /** cgroup files are writable in unprivileged containers too. */
  readonly cgroupWritable: boolean;
  /** Adds to or replaces the process's limits: `RLIMIT_NOFILE` and so on. */
  readonly rlimits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** Configuration of block I/O and RDT classes; absent paths: the classes are refused. */
  readonly blockioConfigFile: string;
  readonly rdtConfigFile: string;
}

/** A directory of the host that is to be mounted for an image mount or a volume that the image declares. */
export interface PreparedVolume {
  readonly containerPath: string;
  /** Absolute on the host. */
  readonly source: string;
  readonly readonly: boolean;
  /** Of an image mount: which image it is. */
  readonly image?: { readonly id: string; readonly digest: string };
}

/** A container's specification and what was resolved on the way. */
export interface BuiltSpec {
  readonly spec: RuntimeSpec;
  readonly user: ContainerUser;
}

/** What mounts and devices add to a specification. */
export interface SpecMounts {
  /** In mounting order. */
  readonly mounts: readonly Mount[];
  readonly rootfsPropagation?: "shared" | "slave" | "private";
}

/** The pod's user namespace in the specification's spelling. */
export interface SpecIdMappings {
  readonly uids: readonly LinuxIdMapping[];
  readonly gids: readonly LinuxIdMapping[];
}

/** Prepares image mounts and volumes that images declare. Everything is below the bundle or the container's directory. */
export interface VolumeStore {
  /**
   * Mounts each image of the plan's mounts, read-only, and fills a directory for each volume that the image declares and the plan
   * does not cover. Undone by `release`, also half of it. NotFound for an image or sub path that is not there.
   */
  prepare(
    request: {
      readonly id: string;
      readonly plan: ContainerPlan;
      readonly image: ImageConfig;
      readonly rootfs: string;
    },
    signal: AbortSignal,
  ): Promise<readonly PreparedVolume[]>;
  /** Takes off and removes what `prepare` made. Idempotent; an unknown id succeeds. */
  release(id: string, plan: ContainerPlan, signal: AbortSignal): Promise<void>;
}
