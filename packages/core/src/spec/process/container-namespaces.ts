import { Code, StatusError } from "@crib/errdefs";
import { processIdentity } from "@crib/linux";
import type { LinuxNamespace } from "@crib/oci-spec";
import type { NamespacePaths, ProcessIdentity } from "@crib/sandboxer";

import type { SpecIdMappings, SpecInput } from "../types.ts";

type Joined = keyof NamespacePaths;

/** Names in the specification and below /proc/PID/ns. */
const types = { net: "network", ipc: "ipc", uts: "uts", user: "user", pid: "pid" } as const satisfies Record<
  Joined,
  LinuxNamespace["type"]
>;

/**
 * The namespaces of a container: the pod's by explicit path, or by that of the pod's living process; none where the pod uses the
 * host's; its own mount namespace, PID namespace as asked, and with cgroup v2 a cgroup namespace unless it is privileged.
 * FailedPrecondition when a namespace of the pod has no path: a container never gets the host's or a new one instead.
 */
export function containerNamespaces(input: SpecInput): readonly LinuxNamespace[] {
  const { hostNetwork, hostIpc, userNamespace } = input.sandbox.plan;
  const { privileged } = input.plan.security;
  const join = (name: Joined): LinuxNamespace => ({ type: types[name], path: podNamespace(input, name) });
  return [
    { type: "mount" },
    // As containerd: a pod in the host's network has the host's name, so it has no UTS namespace of its own.
    ...(hostNetwork ? [] : [join("net"), join("uts")]),
    ...(hostIpc ? [] : [join("ipc")]),
    ...(userNamespace === undefined ? [] : [join("user")]),
    ...pidNamespace(input, join),
    ...(input.features.cgroupVersion === 2 && !privileged ? [{ type: "cgroup" } as const] : []),
  ];
}

function pidNamespace(input: SpecInput, join: (name: Joined) => LinuxNamespace): readonly LinuxNamespace[] {
  const { pid } = input.plan.security;
  if (pid === "node") return [];
  if (pid === "container") return [{ type: "pid" }];
  if (pid === "pod") return [join("pid")];
  if (input.targetPid === undefined || input.targetPid <= 0) {
    throw new StatusError(
      Code.FailedPrecondition,
      `finding the pid namespace of container "${input.id}": its target "${pid.target}" does not run`,
    );
  }
  return [{ type: "pid", path: `/proc/${input.targetPid}/ns/pid` }];
}

function podNamespace(input: SpecInput, name: Joined): string {
  const { sandbox } = input;
  const instance = sandbox.facts.instance;
  const path = instance?.namespaces[name];
  if (path !== undefined && path !== "") return path;
  if (instance?.process !== undefined && isAlive(instance.process)) return `/proc/${instance.process.pid}/ns/${name}`;
  throw new StatusError(
    Code.FailedPrecondition,
    `finding the ${types[name]} namespace of sandbox "${sandbox.id}": it has no path and the sandbox no living process`,
  );
}

function isAlive(process: ProcessIdentity): boolean {
  return process.pid > 0 && processIdentity(process.pid)?.startTime === BigInt(process.startTime);
}

/** The maps of the pod's user namespace, which its containers must repeat; undefined where it is the host's. */
export function userMappings(input: SpecInput): SpecIdMappings | undefined {
  const mapped = input.sandbox.plan.userNamespace;
  if (mapped === undefined) return undefined;
  const lines = (of: typeof mapped.uids): SpecIdMappings["uids"] =>
    of.map(({ containerId, hostId, length }) => ({ containerID: containerId, hostID: hostId, size: length }));
  return { uids: lines(mapped.uids), gids: lines(mapped.gids) };
}
