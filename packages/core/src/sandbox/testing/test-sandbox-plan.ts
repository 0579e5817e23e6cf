import type { SandboxPlan } from "../types.ts";
import { testHandler } from "./test-handler.ts";

/** The plan of a pod sandbox that asks for nothing. Nothing that it names exists. */
export function testSandboxPlan(change: Partial<SandboxPlan> = {}): SandboxPlan {
  return {
    pod: { name: "web", namespace: "default", uid: "uid-1", attempt: 0 },
    handler: testHandler(),
    declares: { netns: "crib", network: "parallel" },
    config: "",
    checksum: "",
    labels: {},
    annotations: {},
    passedAnnotations: {},
    hostname: "web",
    logDirectory: "",
    hostNetwork: false,
    hostIpc: false,
    pidMode: "container",
    sysctls: {},
    privileged: false,
    security: { supplementalGroups: [], readonlyRootfs: false, seccomp: { kind: "unconfined" } },
    resources: {},
    overhead: {},
    namespaces: {},
    networks: [],
    cniArgs: [],
    capabilityArgs: {},
    rootDir: "/nowhere/sandbox",
    stateDir: "/nowhere/sandbox-state",
    shmPath: "/nowhere/shm",
    cgroupPath: "/nowhere/crib-sandbox",
    ownedCgroups: [],
    ...change,
  };
}
