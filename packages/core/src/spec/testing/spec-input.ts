import { mkdtempSync, rmSync } from "node:fs";
import type { TestContext } from "node:test";

import type { ImageConfig } from "@crib/oci-spec";

import { testContainerRequest } from "../../containers/testing/test-container-request.ts";
import type { ContainerPlan, ContainerSecurity } from "../../containers/types.ts";
import { testHandler } from "../../sandbox/testing/test-handler.ts";
import { testSandboxPlan } from "../../sandbox/testing/test-sandbox-plan.ts";
import type { RuntimeHandler, SandboxPlan, SandboxRecord } from "../../sandbox/types.ts";
import type { HostFeatures, SpecInput, SpecOptions } from "../types.ts";

/** Whatever a test wants to be different from an ordinary container. */
export interface InputChanges extends Partial<Pick<SpecInput, "id" | "rootfs" | "targetPid" | "volumes">> {
  readonly plan?: Partial<ContainerPlan>;
  readonly security?: Partial<ContainerSecurity>;
  readonly sandbox?: Partial<SandboxPlan>;
  readonly facts?: SandboxRecord["facts"];
  readonly handler?: Partial<RuntimeHandler>;
  readonly image?: Partial<ImageConfig>;
  readonly features?: Partial<HostFeatures>;
  readonly options?: Partial<SpecOptions>;
}

/** Id of the container of `specInput`, and of its sandbox. */
export const containerId: string = "c".repeat(64);
export const sandboxId: string = "a".repeat(64);

/** A directory of the test that goes with it. */
export function temporaryDirectory(t: TestContext): string {
  const dir = mkdtempSync("/var/tmp/crib-spec-");
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** All that the specification of an ordinary container of an ordinary pod is made from. */
export function specInput(changes: InputChanges = {}): SpecInput {
  const { id = containerId, rootfs = "/nowhere/tasks/rootfs", volumes = [], targetPid } = changes;
  return {
    id,
    plan: containerPlan(id, changes),
    sandbox: sandboxRecord(changes),
    handler: testHandler(changes.handler),
    image: imageConfig(changes.image),
    rootfs,
    ...(targetPid === undefined ? {} : { targetPid }),
    volumes,
    features: {
      cgroupVersion: 1,
      cgroupDriver: "cgroupfs",
      cgroupControllers: ["cpu", "memory", "pids"],
      apparmor: false,
      rdt: true,
      selinux: false,
      oomScoreAdjFloor: -1000,
      seccomp: true,
      swapAccounting: true,
      ...changes.features,
    },
    options: {
      cdiSpecDirs: [],
      ignoreImageDefinedVolumes: false,
      tolerateMissingHugetlb: true,
      privilegedWithoutHostDevices: false,
      cgroupWritable: false,
      rlimits: {},
      blockioConfigFile: "",
      rdtConfigFile: "",
      ...changes.options,
    },
  };
}

function containerPlan(id: string, { plan, security }: InputChanges): ContainerPlan {
  return {
    ...testContainerRequest({
      sandboxId,
      name: "web",
      image: "example.org/web:1",
      security: { maskedPaths: ["/proc/kcore"], readonlyPaths: ["/proc/sys"], ...security },
    }),
    config: "",
    checksum: "",
    pod: { name: "pod", namespace: "default", uid: "uid" },
    handler: "runc",
    snapshotKey: id,
    rootDir: `/nowhere/containers/${id}`,
    bundleDir: "/nowhere/tasks",
    cgroupPath: `/kubepods/crib-${sandboxId}/crib-${id}`,
    log: { maxLineBytes: 16_384 },
    ...plan,
  };
}

function sandboxRecord(changes: InputChanges): SandboxRecord {
  const pinned = (kind: string): string => `/nowhere/ns/${kind}`;
  const namespaces = { net: pinned("net"), ipc: pinned("ipc"), uts: pinned("uts") };
  return {
    version: 1,
    id: sandboxId,
    name: "pod_default_uid_0",
    state: "ready",
    createdAt: "2026-01-01T00:00:00Z",
    bootId: "boot",
    plan: sandboxPlan(changes),
    facts: changes.facts ?? { instance: { createdAt: "2026-01-01T00:00:00Z", labels: {}, namespaces } },
    runs: [],
  };
}

function sandboxPlan(changes: InputChanges): SandboxPlan {
  return testSandboxPlan({
    pod: { name: "pod", namespace: "default", uid: "uid", attempt: 0 },
    handler: testHandler(changes.handler),
    hostname: "pod",
    cgroupPath: `/kubepods/crib-${sandboxId}`,
    ...changes.sandbox,
  });
}

function imageConfig(changes: Partial<ImageConfig> = {}): ImageConfig {
  return {
    platform: { os: "linux", architecture: "amd64", variant: "" },
    user: "",
    env: [],
    entrypoint: [],
    cmd: ["/bin/sh"],
    workingDir: "",
    labels: new Map(),
    volumes: [],
    exposedPorts: [],
    stopSignal: "",
    diffIds: [],
    ...changes,
  };
}
