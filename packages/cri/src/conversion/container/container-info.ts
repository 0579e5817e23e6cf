import { toJson } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import type { RuntimeHandler } from "@crib/core/sandbox";
import { ContainerConfigSchema } from "@crib/wire/cri";

import { parsedJson } from "../parsed-json.ts";
import { decodeContainerConfig } from "./container-config.ts";

/** What is known besides the record. */
export interface ContainerSurroundings {
  /** Of the pod; absent when the pod is gone. */
  readonly handler: RuntimeHandler | undefined;
  /** The runtime specification; absent when the bundle is gone. */
  readonly spec: string | undefined;
}

/** What verbose ContainerStatus tells beyond the status: one JSON text, the form that `crictl inspect` prints. */
export function toContainerInfo(record: ContainerRecord, { handler, spec }: ContainerSurroundings): string {
  const { plan, facts } = record;
  return JSON.stringify({
    sandboxID: plan.sandboxId,
    pid: facts.exit ? 0 : (facts.process?.pid ?? 0),
    removing: record.state === "removing",
    snapshotKey: plan.snapshotKey,
    snapshotter: "overlayfs",
    runtimeHandler: plan.handler,
    runtimeType: handler?.runtimeType,
    runtimeOptions: handler?.options,
    config: toJson(ContainerConfigSchema, decodeContainerConfig(plan), { useProtoFieldName: true }),
    runtimeSpec: parsedJson(spec),
    state: record.state,
    image: facts.image,
    user: facts.user,
    cgroupPath: plan.cgroupPath,
    bundleDir: plan.bundleDir,
    rootDir: plan.rootDir,
    checksum: plan.checksum,
    oomKilled: facts.oomKilled ?? false,
    timings: record.runs,
    problem: record.problem,
    exit: facts.exit,
  });
}
