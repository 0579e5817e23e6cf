import { hostname as hostHostname } from "node:os";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { NetworkList } from "@crib/libcni";
import type { ControllerDeclaration, SandboxController } from "@crib/sandboxer";

import { checksum } from "../metadata/canonical-json.ts";
import type { CgroupOwners } from "./cgroup-owners.ts";
import { chooseNetworks, networksAnnotation } from "./choose-networks.ts";
import { matchesGlob } from "./glob.ts";
import { withNetworkTurn } from "./network-turn.ts";
import { podCgroupParent } from "./pod-cgroup-parent.ts";
import {
  namespacePaths,
  type Places,
  podCgroupPath,
  podHostname,
  sandboxRootDir,
  sandboxStateDir,
} from "./pod-names.ts";
import type { PlannedNetwork, PodSandboxRequest, RuntimeHandler, SandboxPlan } from "./types.ts";

/** Namespaces that crib makes where the controller says nothing else. */
const allNamespaces: NonNullable<ControllerDeclaration["pins"]> = ["net", "ipc", "uts", "user"];

/** What planning needs to know of the daemon. */
export interface Planning {
  readonly places: Places;
  /** By name. Looked up at each request, since they may change while the daemon runs. */
  readonly handlers: ReadonlyMap<string, RuntimeHandler>;
  /** Why no pod can run with a handler; undefined for one that is sound. */
  readonly whyBroken?: (handler: string) => string | undefined;
  readonly defaultHandler: string;
  /** By name; they may change as well. */
  readonly controllers: ReadonlyMap<string, SandboxController>;
  readonly cgroups: CgroupOwners;
  /** The networks of a handler as loaded now. Throws Unavailable with the directory and the reason when there is none. */
  readonly networksFor: (handler: RuntimeHandler) => readonly NetworkList[];
  /** The network of a name among those of the handler's directory. Throws Unavailable, naming the directory, when it is not there. */
  readonly networkNamed: (handler: RuntimeHandler, name: string) => NetworkList;
}

/** The handler a request names. Throws InvalidArgument, naming those that exist, and FailedPrecondition for a broken one. */
export function resolveHandler(planning: Planning, name: string): RuntimeHandler {
  const wanted = name === "" ? planning.defaultHandler : name;
  const handler = planning.handlers.get(wanted);
  const fault = planning.whyBroken?.(wanted);
  if (fault !== undefined) throw new StatusError(Code.FailedPrecondition, `runtime handler "${wanted}": ${fault}`);
  if (handler) return handler;
  const known = [...planning.handlers.keys()].toSorted().map((known) => `"${known}"`);
  throw new StatusError(
    Code.InvalidArgument,
    `runtime handler "${wanted}": not configured; there is ${known.join(", ")}`,
  );
}

/** The controller of a handler. Throws FailedPrecondition when it is not configured. */
export function resolveController(planning: Planning, handler: RuntimeHandler): SandboxController {
  const controller = planning.controllers.get(handler.controller);
  if (controller) return controller;
  throw new StatusError(
    Code.FailedPrecondition,
    `runtime handler "${handler.name}": no controller named "${handler.controller}"`,
  );
}

/** SHA-256 of what makes two requests the same: configuration and handler. */
export function requestChecksum(request: PodSandboxRequest, handler: RuntimeHandler): string {
  return checksum(`${handler.name}\n${Buffer.from(request.config).toString("base64")}`);
}

/** Decides everything about a pod before anything is done. Reads of the host only its name and which cgroups exist. */
export function planPodSandbox(
  planning: Planning,
  request: PodSandboxRequest,
  handler: RuntimeHandler,
  id: string,
): SandboxPlan {
  const controller = resolveController(planning, handler);
  const hostNetwork = request.network === "node";
  const hostIpc = request.ipc === "node";
  const user = request.userNamespace !== undefined;
  const declares = withNetworkTurn(controller.declares, handler.network, request.annotations);
  // As containerd: a pod in the host's network keeps the host's name, so it has no UTS namespace of its own.
  const pins = new Set(declares.pins ?? allNamespaces);
  const own = {
    net: !hostNetwork && pins.has("net"),
    ipc: !hostIpc && pins.has("ipc"),
    uts: !hostNetwork && pins.has("uts"),
    user: user && pins.has("user"),
  };
  const stateDir = sandboxStateDir(planning.places, id);
  const cgroupPath = podCgroupPath(podCgroupParent(request.cgroupParent, handler), id);
  return {
    pod: request.pod,
    handler,
    declares,
    config: Buffer.from(request.config).toString("base64"),
    checksum: requestChecksum(request, handler),
    labels: request.labels,
    annotations: request.annotations,
    passedAnnotations: Object.fromEntries(
      Object.entries(request.annotations).filter(([key]) =>
        handler.podAnnotations.some((glob) => matchesGlob(key, glob)),
      ),
    ),
    hostname: podHostname(request.hostname, hostNetwork, request.pod.name, id, hostHostname()),
    logDirectory: request.logDirectory,
    ...(request.dns ? { dns: request.dns } : {}),
    hostNetwork,
    hostIpc,
    pidMode: request.pid,
    ...(request.userNamespace ? { userNamespace: request.userNamespace } : {}),
    sysctls: withDefaultSysctls(request),
    privileged: request.privileged,
    security: request.security,
    resources: request.resources,
    // A kubelet that knows of the RuntimeClass says what it costs; others leave it to whoever configured the handler.
    overhead: Object.keys(request.overhead).length > 0 ? request.overhead : (handler.overhead ?? {}),
    namespaces: namespacePaths(planning.places, id, own),
    networks: planNetworks(planning, request, handler),
    cniArgs: [
      ["IgnoreUnknown", "1"],
      ["K8S_POD_NAMESPACE", request.pod.namespace],
      ["K8S_POD_NAME", request.pod.name],
      ["K8S_POD_INFRA_CONTAINER_ID", id],
      ["K8S_POD_UID", request.pod.uid],
    ],
    capabilityArgs: capabilityArgs(request),
    rootDir: sandboxRootDir(planning.places, id),
    stateDir,
    shmPath: hostIpc ? "/dev/shm" : join(stateDir, "shm"),
    cgroupPath,
    ownedCgroups: planning.cgroups.ownedAbove(cgroupPath),
  };
}

/** Directory networks are `eth0`, `eth1`, ... in load order, as with containerd, unless the pod chooses among those its handler allows. */
function planNetworks(
  planning: Planning,
  request: PodSandboxRequest,
  handler: RuntimeHandler,
): readonly PlannedNetwork[] {
  if (request.network === "node") return [];
  const asks = networksAnnotation in request.annotations;
  const defaults = asks ? [] : planning.networksFor(handler);
  const chosen = chooseNetworks(request.annotations, handler, defaults.length);
  return [
    ...defaults.map((list, index) => planNetwork(list, `eth${index}`)),
    ...chosen.map(({ name, ifName }) => planNetwork(planning.networkNamed(handler, name), ifName)),
  ];
}

function planNetwork(list: NetworkList, ifName: string): PlannedNetwork {
  return { name: list.name, ifName, config: list.bytes };
}

/** As containerd's defaults: programs may bind low ports and ping without privileges, inside the pod's own network. */
function withDefaultSysctls(request: PodSandboxRequest): Readonly<Record<string, string>> {
  if (request.network === "node") return request.sysctls;
  const defaults: Record<string, string> = { "net.ipv4.ip_unprivileged_port_start": "0" };
  // With a user namespace the highest mapped group would have to be known; the kernel refuses a wider range.
  if (!request.userNamespace) defaults["net.ipv4.ping_group_range"] = "0 2147483647";
  return { ...defaults, ...request.sysctls };
}

function capabilityArgs(request: PodSandboxRequest): Readonly<Record<string, unknown>> {
  const portMappings = request.portMappings
    .filter((mapping) => mapping.hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIp }) => ({ hostPort, containerPort, protocol, hostIP: hostIp }));
  return {
    "io.kubernetes.cri.pod-annotations": request.annotations,
    ...(portMappings.length > 0 ? { portMappings } : {}),
    ...(request.bandwidth ? { bandwidth: request.bandwidth } : {}),
    ...(request.dns ? { dns: request.dns } : {}),
    ...(request.cgroupParent === "" ? {} : { cgroupPath: request.cgroupParent }),
  };
}
