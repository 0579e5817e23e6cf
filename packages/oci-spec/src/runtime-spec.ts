/**
 * The part of the OCI runtime specification that crib writes and reads (runtime-spec 1.2, config.md and
 * config-linux.md). Names are those of the JSON. A field that is absent here is absent in every `config.json` that
 * crib makes.
 */
export interface RuntimeSpec {
  /** Semantic version of the specification the document follows. */
  readonly ociVersion: string;
  readonly root: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly process?: Process;
  /** In mounting order. */
  readonly mounts?: readonly Mount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux?: LinuxSpec;
}

/** Programs that the runtime runs at points of a container's life (config.md, "POSIX-platform Hooks"). */
export interface Hooks {
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

export interface Hook {
  /** Absolute. */
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds, above zero. */
  readonly timeout?: number;
}

/** The root file system: a directory, absolute or relative to the bundle. */
export interface Root {
  readonly path: string;
  readonly readonly?: boolean;
}

/** The process that a container starts with, or an additional one. */
export interface Process {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: User;
  readonly args: readonly string[];
  /** `NAME=value`. */
  readonly env?: readonly string[];
  /** Absolute inside the container. */
  readonly cwd: string;
  readonly capabilities?: Capabilities;
  readonly rlimits?: readonly Rlimit[];
  readonly noNewPrivileges?: boolean;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number;
  readonly selinuxLabel?: string;
  readonly apparmorProfile?: string;
  readonly ioPriority?: { readonly class: string; readonly priority: number };
  readonly scheduler?: Scheduler;
}

/** A resource limit (getrlimit(2)); `type` is `RLIMIT_...`. */
export interface Rlimit {
  readonly type: string;
  readonly soft: number;
  readonly hard: number;
}

/** sched_setattr(2). */
export interface Scheduler {
  readonly policy: string;
  readonly nice?: number;
  readonly priority?: number;
  readonly flags?: readonly string[];
  /** Nanoseconds. */
  readonly runtime?: number;
  readonly deadline?: number;
  readonly period?: number;
}

/** Numeric ids inside the container's user namespace. */
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

/** The capability sets, each a list of `CAP_...` names. */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface Mount {
  /** Absolute inside the container. */
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  /** As for mount(8), with the additions of the specification (`rbind`, `rprivate`, ...). */
  readonly options?: readonly string[];
  /** Of an id-mapped mount. */
  readonly uidMappings?: readonly LinuxIdMapping[];
  readonly gidMappings?: readonly LinuxIdMapping[];
}

export interface LinuxSpec {
  readonly namespaces: readonly LinuxNamespace[];
  readonly uidMappings?: readonly LinuxIdMapping[];
  readonly gidMappings?: readonly LinuxIdMapping[];
  readonly devices?: readonly LinuxDevice[];
  readonly intelRdt?: IntelRdt;
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>;
  readonly memoryPolicy?: { readonly mode: string; readonly nodes: string; readonly flags?: readonly string[] };
  readonly sysctl?: Readonly<Record<string, string>>;
  /** A path below each hierarchy, or `slice:prefix:name` with systemd cgroups. */
  readonly cgroupsPath?: string;
  readonly resources?: LinuxResources;
  readonly seccomp?: SeccompProfile;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly rootfsPropagation?: "shared" | "slave" | "private" | "unbindable";
}

/** A device node that the runtime makes. */
export interface LinuxDevice {
  readonly path: string;
  readonly type: "c" | "b" | "u" | "p";
  readonly major?: number;
  readonly minor?: number;
  /** Permission bits. */
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Cache and memory bandwidth class (resctrl). */
export interface IntelRdt {
  readonly closID?: string;
  readonly schemata?: readonly string[];
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly enableMonitoring?: boolean;
}

export type LinuxNamespaceType = "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup" | "time";

/**
 * With a path the container joins that namespace; without, it gets a new one. A type that is not listed is the
 * runtime's own.
 */
export interface LinuxNamespace {
  readonly type: LinuxNamespaceType;
  readonly path?: string;
}

/** One line of a user namespace's map (user_namespaces(7)), in the specification's spelling. */
export interface LinuxIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface LinuxResources {
  readonly devices?: readonly DeviceRule[];
  readonly cpu?: {
    readonly shares?: number;
    /** Microseconds in each period. */
    readonly quota?: number;
    /** Microseconds. */
    readonly period?: number;
    readonly realtimeRuntime?: number;
    readonly realtimePeriod?: number;
    readonly cpus?: string;
    readonly mems?: string;
    readonly idle?: number;
  };
  readonly memory?: {
    /** Bytes. */
    readonly limit?: number;
    readonly reservation?: number;
    /** Memory and swap together, bytes. */
    readonly swap?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
    readonly useHierarchy?: boolean;
  };
  readonly blockIO?: BlockIo;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly pids?: { readonly limit: number };
  /** cgroup v2 files by name. */
  readonly unified?: Readonly<Record<string, string>>;
}

/** Weights and limits of block devices. */
export interface BlockIo {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly {
    readonly major: number;
    readonly minor: number;
    readonly weight?: number;
    readonly leafWeight?: number;
  }[];
  readonly throttleReadBpsDevice?: readonly BlockIoRate[];
  readonly throttleWriteBpsDevice?: readonly BlockIoRate[];
  readonly throttleReadIOPSDevice?: readonly BlockIoRate[];
  readonly throttleWriteIOPSDevice?: readonly BlockIoRate[];
}

/** Per second, of one device. */
export interface BlockIoRate {
  readonly major: number;
  readonly minor: number;
  readonly rate: number;
}

/** An entry of the device cgroup; absent numbers mean all. */
export interface DeviceRule {
  readonly allow: boolean;
  readonly type?: "a" | "c" | "b";
  readonly major?: number;
  readonly minor?: number;
  /** Some of `rwm`. */
  readonly access?: string;
}

/** A seccomp profile (config-linux.md, "Seccomp"). */
export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number | undefined;
  readonly architectures?: readonly string[] | undefined;
  readonly flags?: readonly string[] | undefined;
  readonly listenerPath?: string | undefined;
  readonly listenerMetadata?: string | undefined;
  readonly syscalls?: readonly SeccompRule[] | undefined;
}

/** What happens to some system calls, all of whose argument conditions hold. */
export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number | undefined;
  readonly args?:
    | readonly {
        readonly index: number;
        readonly value: number;
        readonly valueTwo?: number | undefined;
        readonly op: string;
      }[]
    | undefined;
}
