import { hostname as hostHostname } from "node:os";
import { join } from "node:path";

import { create, fromBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { NamespaceMode, type PodSandboxConfig, PodSandboxConfigSchema } from "@crib/wire/cri";

import { parseSandbox } from "../sandbox-json.ts";
import type { Sandbox } from "../types.ts";
import { podCgroupPath } from "./pod-cgroup-path.ts";
import { podResources } from "./pod-resources.ts";
import { podSecurity } from "./pod-security.ts";
import { podConfigTypeUrl, type SandboxPlaces, type SandboxRequest } from "./sandbox-request.ts";

/**
 * The pod that a client asks for: as crib describes it, where crib is the client; else made of the CRI PodSandboxConfig, the path of the network
 * namespace and the annotations, which is what containerd and iSulad send. Absent options are a pod of which only its id is known.
 * InvalidArgument, with the reason, for options that are no PodSandboxConfig and for a description of another pod.
 *
 * Of a derived pod nothing is there but the network namespace: no cgroup, no `shmPath`, no namespace besides.
 */
export function deriveSandbox(request: SandboxRequest, places: SandboxPlaces): Sandbox {
  const { sandboxId, sandbox } = request;
  if (sandbox === undefined) return fromConfig(request, places);
  const described = parseSandbox(sandbox, `the description of "${sandboxId}"`);
  if (described.id === sandboxId) return described;
  throw new StatusError(
    Code.InvalidArgument,
    `creating sandbox "${sandboxId}": its description is that of "${described.id}"`,
  );
}

function fromConfig(request: SandboxRequest, places: SandboxPlaces): Sandbox {
  const { sandboxId: id, netnsPath } = request;
  const config = decodeConfig(id, request.options);
  const { metadata, linux } = config;
  const security = linux?.securityContext;
  const { network, ipc, pid } = security?.namespaceOptions ?? {};
  const users = security?.namespaceOptions?.usernsOptions;
  const hostNetwork = network === NamespaceMode.NODE;
  const hostIpc = ipc === NamespaceMode.NODE;
  const ownUsers = users?.mode === NamespaceMode.POD;
  return {
    id,
    pod: {
      name: metadata?.name ?? "",
      namespace: metadata?.namespace ?? "",
      uid: metadata?.uid ?? "",
      attempt: metadata?.attempt ?? 0,
    },
    runtimeHandler: request.runtimeHandler,
    hostname: hostnameOf(config, hostNetwork, id),
    labels: { ...config.labels },
    annotations: { ...config.annotations, ...request.annotations },
    namespaces: netnsPath === "" || hostNetwork ? {} : { net: netnsPath },
    pidMode: pid === NamespaceMode.NODE ? "node" : pid === NamespaceMode.POD && linux ? "pod" : "container",
    hostNetwork,
    hostIpc,
    privileged: security?.privileged ?? false,
    uidMappings: ownUsers ? users.uids.map(mapping) : [],
    gidMappings: ownUsers ? users.gids.map(mapping) : [],
    security: podSecurity(security),
    sysctls: { ...linux?.sysctls },
    cgroupPath: podCgroupPath(linux?.cgroupParent ?? "", id),
    resources: podResources(linux?.resources),
    overhead: podResources(linux?.overhead),
    rootDir: places.rootDir,
    stateDir: places.stateDir,
    shmPath: hostIpc ? "/dev/shm" : join(places.stateDir, "shm"),
    config: request.options?.value ?? new Uint8Array(),
  };
}

function decodeConfig(id: string, options: Any | undefined): PodSandboxConfig {
  if (options === undefined) return create(PodSandboxConfigSchema);
  const refuse = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.InvalidArgument, `creating sandbox "${id}": its options ${why}`, { cause });
  const { typeUrl, value } = options;
  if (typeUrl !== "" && typeUrl.slice(typeUrl.lastIndexOf("/") + 1) !== podConfigTypeUrl) {
    throw refuse(`are "${typeUrl}", not "${podConfigTypeUrl}"`);
  }
  try {
    return fromBinary(PodSandboxConfigSchema, value);
  } catch (cause) {
    throw refuse(`are no ${podConfigTypeUrl}: ${(cause as Error).message}`, cause);
  }
}

/** As crib names pods: as asked; the host's name in the host's network; the pod's where that can be one. */
function hostnameOf({ hostname, metadata }: PodSandboxConfig, hostNetwork: boolean, id: string): string {
  if (hostname !== "") return hostname;
  if (hostNetwork) return hostHostname();
  const label = (metadata?.name ?? "")
    .toLowerCase()
    .slice(0, 63)
    .replace(/[.-]+$/, "");
  return /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(label) ? label : id.slice(0, 12);
}

function mapping({ containerId, hostId, length }: Sandbox["uidMappings"][number]): Sandbox["uidMappings"][number] {
  return { containerId, hostId, length };
}
