import type { ContainerSecurity } from "@crib/core/containers";
import type { SandboxPlan } from "@crib/core/sandbox";
import { type IDMapping, NamespaceMode, type NamespaceOption, type UserNamespace } from "@crib/wire/cri";

import { modeName } from "../linux/namespaces.ts";
import { canBeId } from "../sandbox-id.ts";
import { invalid, quote } from "../values/invalid.ts";

const field = "config.linux.security_context.namespace_options";

/** What of a pod's plan the namespaces of its containers must agree with. */
export type PodNamespaces = Pick<SandboxPlan, "hostNetwork" | "hostIpc" | "pidMode" | "userNamespace">;

/**
 * The PID namespace of a container. All other namespaces are the pod's: what the request says of them must not contradict the
 * pod. Where it says nothing, and so for POD, the zero of the enumeration, it is the pod's, whatever that is.
 */
export function checkContainerNamespaces(
  options: NamespaceOption | undefined,
  pod: PodNamespaces,
): ContainerSecurity["pid"] {
  if (!options) return pod.pidMode;
  checkShared("network", options.network, pod.hostNetwork);
  checkShared("ipc", options.ipc, pod.hostIpc);
  checkUserNamespaces(options.usernsOptions, pod.userNamespace);
  return checkPid(options, pod.pidMode);
}

function checkShared(name: "network" | "ipc", mode: number, ofHost: boolean): void {
  if (mode === NamespaceMode.POD || (mode === NamespaceMode.NODE && ofHost)) return;
  if (mode === NamespaceMode.NODE) throw invalid(`${field}.${name}`, "NODE, but the pod has a namespace of its own");
  throw invalid(`${field}.${name}`, `${modeName(mode)} is not one of POD, NODE`);
}

function checkPid({ pid, targetId }: NamespaceOption, pod: PodNamespaces["pidMode"]): ContainerSecurity["pid"] {
  if (pid === NamespaceMode.TARGET) {
    if (targetId === "") throw invalid(`${field}.target_id`, "is empty, but pid is TARGET");
    if (!canBeId(targetId)) throw invalid(`${field}.target_id`, `${quote(targetId)} is no id of a container`);
    return { target: targetId };
  }
  if (targetId !== "") throw invalid(`${field}.target_id`, `is given, but pid is ${modeName(pid)}`);
  if (pid === NamespaceMode.CONTAINER) return "container";
  if (pid === NamespaceMode.NODE) {
    if (pod === "node") return "node";
    throw invalid(`${field}.pid`, "NODE, but the pod does not share the host's PID namespace");
  }
  if (pid !== NamespaceMode.POD) throw invalid(`${field}.pid`, `${modeName(pid)} is no known mode`);
  if (pod === "container") throw invalid(`${field}.pid`, "POD, but the pod's is CONTAINER: it has no PID namespace");
  return pod;
}

function checkUserNamespaces(asked: UserNamespace | undefined, pod: PodNamespaces["userNamespace"]): void {
  const name = `${field}.userns_options`;
  if (!asked) return;
  if (asked.mode === NamespaceMode.NODE) {
    if (pod) throw invalid(`${name}.mode`, "NODE, but the pod has a user namespace of its own");
    return;
  }
  if (asked.mode !== NamespaceMode.POD)
    throw invalid(`${name}.mode`, `${modeName(asked.mode)} is not one of POD, NODE`);
  if (!pod) throw invalid(`${name}.mode`, "POD, but the pod has no user namespace of its own");
  if (!same(asked.uids, pod.uids)) throw invalid(`${name}.uids`, "differs from that of the pod");
  if (!same(asked.gids, pod.gids)) throw invalid(`${name}.gids`, "differs from that of the pod");
}

function same(asked: readonly IDMapping[], pod: readonly Omit<IDMapping, "$typeName" | "$unknown">[]): boolean {
  return (
    asked.length === pod.length &&
    asked.every(({ containerId, hostId, length }, index) => {
      const line = pod[index];
      return line?.containerId === containerId && line.hostId === hostId && line.length === length;
    })
  );
}
