import { Code, StatusError } from "@crib/errdefs";
import type { LinuxIdMapping, LinuxNamespace, Mount, RuntimeSpec, SeccompProfile, User } from "@crib/oci-spec";
import type { IdMapping, Sandbox } from "@crib/sandboxer";

import { devMounts } from "../../spec/mounts/dev-mounts.ts";
import { ociCgroupsPath } from "./cgroups-path.ts";
import { sandboxAnnotations } from "./spec-annotations.ts";

/** Version of the runtime specification; what runc 1.1, which knows no later one, writes itself. */
const ociVersion = "1.0.2";

/** The ids of a pause process whose pod asks for none: nobody's, as in the usual pause image. */
const nobody = 65_535;

/** What the host and the handler add to the sandbox. */
export interface PauseHost {
  /** Absolute path of the shared root file system. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  /** Whom to run as where the pod does not say. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly oomScoreAdj: number;
  readonly seccomp: SeccompProfile | undefined;
  readonly hasSelinux: boolean;
  readonly systemdCgroup: boolean;
  /** Whether the pod has a resolv.conf; a VM runtime takes it from here. */
  readonly hasResolvConf: boolean;
}

/**
 * The OCI specification of a pod's pause process (containerd.md 1.1.5): in the namespaces that crib has pinned, each by
 * its path, and without any privilege. InvalidArgument when a namespace that the pod shall own has no path: it must
 * never fall back to the host's, nor to a new one that the pod's containers would not share.
 */
export function pauseSpec(sandbox: Sandbox, host: PauseHost): RuntimeSpec {
  const label = host.hasSelinux && !sandbox.privileged ? selinuxLabel(sandbox) : undefined;
  const capabilities = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ociVersion,
    root: { path: host.rootfs, readonly: true },
    process: {
      terminal: false,
      user: userOf(sandbox, host.user),
      args: host.args,
      env: host.env,
      cwd: host.cwd,
      capabilities,
      noNewPrivileges: true,
      oomScoreAdj: host.oomScoreAdj,
      ...(label === undefined ? {} : { selinuxLabel: label }),
    },
    mounts: mountsOf(sandbox, host.hasResolvConf),
    annotations: sandboxAnnotations(sandbox),
    linux: {
      namespaces: namespacesOf(sandbox),
      ...mappingsOf(sandbox),
      cgroupsPath: ociCgroupsPath(sandbox.cgroupPath, sandbox.id, host.systemdCgroup),
      resources: { devices: [{ allow: false, access: "rwm" }], cpu: { shares: 2 } },
      ...(host.seccomp === undefined ? {} : { seccomp: host.seccomp }),
      maskedPaths,
      readonlyPaths,
      ...(label === undefined ? {} : { mountLabel: label }),
    },
  };
}

/**
 * The specification of a bundle whose shim serves the tasks of a pod that has no process of its own. Shims read its
 * annotations, which say whose group they are; nothing is ever run from it.
 */
export function taskShimSpec(sandbox: Sandbox): RuntimeSpec {
  return { ociVersion, root: { path: "rootfs", readonly: true }, annotations: sandboxAnnotations(sandbox) };
}

function namespacesOf(sandbox: Sandbox): readonly LinuxNamespace[] {
  const { namespaces, id } = sandbox;
  const namespacesList: LinuxNamespace[] = [{ type: "mount" }];
  const join = (type: "network" | "ipc", path: string | undefined): void => {
    if (path === undefined) {
      throw new StatusError(Code.InvalidArgument, `making the pause of "${id}": its ${type} namespace has no path`);
    }
    namespacesList.push({ type, path });
  };
  if (!sandbox.hostNetwork) join("network", namespaces.net);
  if (!sandbox.hostIpc) join("ipc", namespaces.ipc);
  if (namespaces.uts !== undefined) namespacesList.push({ type: "uts", path: namespaces.uts });
  if (namespaces.user !== undefined) namespacesList.push({ type: "user", path: namespaces.user });
  if (sandbox.pidMode !== "node") namespacesList.push({ type: "pid" });
  return namespacesList;
}

function mappingsOf(sandbox: Sandbox): { uidMappings?: LinuxIdMapping[]; gidMappings?: LinuxIdMapping[] } {
  const { namespaces, uidMappings, gidMappings, id } = sandbox;
  const isMapped = uidMappings.length > 0 && gidMappings.length > 0;
  if ((namespaces.user !== undefined) !== isMapped) {
    throw new StatusError(
      Code.InvalidArgument,
      `making the pause of "${id}": a user namespace needs both its path and its mappings`,
    );
  }
  if (!isMapped) return {};
  const lines = (mappings: readonly IdMapping[]): LinuxIdMapping[] =>
    mappings.map(({ containerId, hostId, length }) => ({ containerID: containerId, hostID: hostId, size: length }));
  return { uidMappings: lines(uidMappings), gidMappings: lines(gidMappings) };
}

function userOf(sandbox: Sandbox, imageUser: PauseHost["user"]): User {
  const { runAsUser, runAsGroup, supplementalGroups } = sandbox.security;
  const wanted = imageUser ?? { uid: nobody, gid: nobody };
  // Inside a user namespace that maps too few ids for nobody, root is the only one sure to be there.
  const isThere = isMapped(sandbox.uidMappings, wanted.uid) && isMapped(sandbox.gidMappings, wanted.gid);
  const fallback = isThere ? wanted : { uid: 0, gid: 0 };
  const uid = runAsUser ?? fallback.uid;
  const gid = runAsGroup ?? (runAsUser === undefined ? fallback.gid : 0);
  return { uid, gid, ...(supplementalGroups.length === 0 ? {} : { additionalGids: supplementalGroups }) };
}

/** Whether an id exists inside; without mappings there is no user namespace and all do. */
function isMapped(mappings: readonly IdMapping[], id: number): boolean {
  return (
    mappings.length === 0 || mappings.some(({ containerId, length }) => id >= containerId && id - containerId < length)
  );
}

function mountsOf(sandbox: Sandbox, hasResolvConf: boolean): readonly Mount[] {
  const bind = ["rbind", "ro", "nosuid", "nodev", "noexec"];
  const unusable = ["nosuid", "noexec", "nodev"];
  // A user namespace may mount proc, sysfs and mqueue only for a namespace that it owns. The runtime needs some /proc;
  // the pause needs neither of the others.
  const isOwner = (hasHosts: boolean): boolean => sandbox.namespaces.user === undefined || !hasHosts;
  return [
    isOwner(sandbox.pidMode === "node")
      ? { destination: "/proc", type: "proc", source: "proc", options: unusable }
      : { destination: "/proc", type: "bind", source: "/proc", options: ["rbind", ...unusable] },
    ...devMounts(sandbox.namespaces.user === undefined ? undefined : sandbox.gidMappings),
    ...(isOwner(sandbox.hostIpc)
      ? [{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: unusable }]
      : []),
    ...(isOwner(sandbox.hostNetwork)
      ? [{ destination: "/sys", type: "sysfs", source: "sysfs", options: [...unusable, "ro"] }]
      : []),
    { destination: "/dev/shm", type: "bind", source: sandbox.shmPath, options: bind },
    ...(hasResolvConf
      ? [{ destination: "/etc/resolv.conf", type: "bind", source: `${sandbox.rootDir}/resolv.conf`, options: bind }]
      : []),
  ];
}

function selinuxLabel(sandbox: Sandbox): string | undefined {
  const selinux = sandbox.security.selinux;
  if (selinux === undefined) return undefined;
  const { user, role, type, level } = selinux;
  return [user || "system_u", role || "system_r", type || "container_t", level || "s0"].join(":");
}

const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
