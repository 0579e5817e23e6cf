import type { PodSandboxRequest } from "../types.ts";

/** What a pod named `web` asks for that asks for nothing, with an empty configuration. */
export function testPodSandboxRequest(change: Partial<PodSandboxRequest> = {}): PodSandboxRequest {
  return {
    pod: { name: "web", namespace: "default", uid: "uid-1", attempt: 0 },
    runtimeHandler: "",
    config: new Uint8Array(),
    labels: {},
    annotations: {},
    hostname: "",
    logDirectory: "",
    portMappings: [],
    network: "pod",
    ipc: "pod",
    pid: "pod",
    sysctls: {},
    privileged: false,
    security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "unconfined" } },
    cgroupParent: "",
    resources: {},
    overhead: {},
    ...change,
  };
}
