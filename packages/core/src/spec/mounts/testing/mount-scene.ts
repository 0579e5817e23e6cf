import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { umountTree } from "@crib/linux";

import type { ContainerPlan, MountRequest } from "../../../containers/types.ts";
import type { SandboxRecord } from "../../../sandbox/types.ts";
import type { SpecInput } from "../../types.ts";

/** A test that mounts. */
export const needsRoot: { readonly skip: string | false } = { skip: process.getuid?.() === 0 ? false : "needs root" };

/** Whatever a test wants to be different. */
export interface SceneChanges {
  readonly plan?: Partial<ContainerPlan>;
  readonly security?: Partial<ContainerPlan["security"]>;
  readonly sandbox?: Partial<SandboxRecord["plan"]>;
  readonly features?: Partial<SpecInput["features"]>;
  readonly options?: Partial<SpecInput["options"]>;
  readonly volumes?: SpecInput["volumes"];
}

/** A pod and a container of it on paper, with the files of the pod in a directory of the test. */
export class MountScene {
  /** On a disk, since overlayfs does not stack on everything. Without symbolic links. */
  readonly dir = mkdtempSync("/var/tmp/crib-mounts-");

  constructor(t: TestContext) {
    t.after(async () => {
      if (needsRoot.skip === false) await umountTree(this.dir);
      rmSync(this.dir, { recursive: true, force: true });
    });
    mkdirSync(this.path("sandbox/shm"), { recursive: true });
    for (const name of ["hostname", "hosts", "resolv.conf"]) writeFileSync(this.path(`sandbox/${name}`), name);
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  directory(name: string): string {
    mkdirSync(this.path(name), { recursive: true });
    return this.path(name);
  }

  plan(changes: Partial<ContainerPlan> = {}, security: SceneChanges["security"] = {}): ContainerPlan {
    return {
      mounts: [],
      devices: [],
      cdiDevices: [],
      annotations: {},
      snapshotKey: "container",
      rootDir: this.path("containers/container"),
      bundleDir: this.path("tasks/container"),
      security: { privileged: false, pid: "container", readonlyRootfs: false, ...security },
      ...changes,
    } as unknown as ContainerPlan;
  }

  input(changes: SceneChanges = {}): SpecInput {
    const sandboxPlan = {
      rootDir: this.path("sandbox"),
      shmPath: this.path("sandbox/shm"),
      hostNetwork: false,
      hostIpc: false,
      ...changes.sandbox,
    };
    return {
      id: "container",
      plan: this.plan(changes.plan, changes.security),
      sandbox: { id: "sandbox", plan: sandboxPlan },
      handler: { name: "runc" },
      rootfs: this.path("rootfs"),
      volumes: changes.volumes ?? [],
      features: { cgroupVersion: 1, selinux: false, ...changes.features },
      options: { privilegedWithoutHostDevices: false, cgroupWritable: false, ...changes.options },
    } as unknown as SpecInput;
  }
}

/** A mount of a host directory. */
export function mountRequest(
  hostPath: string,
  containerPath: string,
  changes: Partial<MountRequest> = {},
): MountRequest {
  return {
    hostPath,
    containerPath,
    readonly: false,
    recursiveReadOnly: false,
    selinuxRelabel: false,
    propagation: "private",
    imageSubPath: "",
    ...changes,
  };
}
