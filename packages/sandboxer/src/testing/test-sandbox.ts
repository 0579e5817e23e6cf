import { randomBytes } from "node:crypto";

import type { Sandbox } from "../types.ts";

/**
 * A sandbox that asks for nothing, as a controller is told of it. Its id is its own unless one is given; nothing that it
 * names exists. `rootDir` and `shmPath` follow `stateDir`.
 */
export function testSandbox(change: Partial<Sandbox> = {}): Sandbox {
  const { id = randomBytes(32).toString("hex") } = change;
  const { stateDir = `/nowhere/sandboxes/${id}` } = change;
  return {
    id,
    pod: { name: "web", namespace: "default", uid: "u-1", attempt: 0 },
    runtimeHandler: "test",
    hostname: "pod",
    labels: {},
    annotations: {},
    namespaces: {},
    pidMode: "container",
    hostNetwork: false,
    hostIpc: false,
    privileged: false,
    uidMappings: [],
    gidMappings: [],
    security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "runtime-default" } },
    sysctls: {},
    cgroupPath: `/nowhere/crib-${id}`,
    resources: {},
    overhead: {},
    rootDir: stateDir,
    stateDir,
    shmPath: `${stateDir}/shm`,
    config: new Uint8Array(),
    ...change,
  };
}
