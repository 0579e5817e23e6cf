import { join } from "node:path";

import { checksum } from "../metadata/canonical-json.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { containerCgroupPath } from "./container-cgroup.ts";
import type { ContainerPlan, ContainerRequest } from "./types.ts";

/** What planning needs to know of the daemon. */
export interface ContainerPlanning {
  /** Durable, for example `/var/lib/crib`. */
  readonly rootDir: string;
  /** Volatile, for example `/run/crib`. */
  readonly stateDir: string;
  readonly log: ContainerPlan["log"];
}

/** The name that two requests for the same container share. */
export function containerName({ name, attempt }: ContainerRequest, { plan: { pod } }: SandboxRecord): string {
  return `${name}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;
}

/** SHA-256 of what makes two requests the same: configuration and sandbox. */
export function containerChecksum({ sandboxId, config }: ContainerRequest): string {
  return checksum(`${sandboxId}\n${Buffer.from(config).toString("base64")}`);
}

/** Decides everything about a container before anything is done. Reads nothing of the host. */
export function planContainer(
  planning: ContainerPlanning,
  request: ContainerRequest,
  sandbox: SandboxRecord,
  id: string,
): ContainerPlan {
  const { pod, logDirectory } = sandbox.plan;
  const { name, namespace, uid } = pod;
  return {
    ...request,
    config: Buffer.from(request.config).toString("base64"),
    checksum: containerChecksum(request),
    pod: { name, namespace, uid },
    handler: sandbox.plan.handler.name,
    snapshotKey: id,
    rootDir: join(planning.rootDir, "containers", id),
    bundleDir: join(planning.stateDir, "tasks", id),
    cgroupPath: containerCgroupPath(sandbox.plan, id),
    log: { ...planning.log, ...(logDirectory !== "" && { directory: logDirectory }) },
  };
}
