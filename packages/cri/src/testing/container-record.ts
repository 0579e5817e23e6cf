import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord, ContainerRequest } from "@crib/core/containers";
import { ContainerConfigSchema } from "@crib/wire/cri";

import { encodeContainerConfig } from "../conversion/container/container-config.ts";
import { checkContainerRequest } from "../validation/container/container-request.ts";
import { sandboxRecord } from "./sandbox-record.ts";

const sandboxId = "01".repeat(32);
const imageId = `sha256:${"a".repeat(64)}`;

/** The configuration of a container named `app` that asks for nothing else. */
export function containerConfig(
  more: MessageInitShape<typeof ContainerConfigSchema> = {},
): MessageInitShape<typeof ContainerConfigSchema> {
  return { metadata: { name: "app", attempt: 0 }, image: { image: imageId }, ...more } as MessageInitShape<
    typeof ContainerConfigSchema
  >;
}

/** What `containerConfig` asks for in the pod of `sandboxRecord`, checked. */
export function containerRequest(more: Partial<ContainerRequest> = {}): ContainerRequest {
  const config = create(ContainerConfigSchema, containerConfig());
  const rules = { sandbox: sandboxRecord(sandboxId), recursiveReadOnlyMounts: true };
  const request = checkContainerRequest({ podSandboxId: sandboxId, config } as never, rules);
  return { ...request, ...more, config: more.config ?? encodeContainerConfig(config) };
}

/** A created container, as core would keep it. */
export function containerRecord(id: string, more: Partial<ContainerRequest> = {}): ContainerRecord {
  const { config, ...request } = containerRequest(more);
  return {
    version: 1,
    id,
    name: `${request.name}_web_default_uid-1_${request.attempt}`,
    state: "created",
    createdAt: "2026-11-21T01:02:03.456Z",
    bootId: "boot",
    plan: {
      ...request,
      config: Buffer.from(config).toString("base64"),
      checksum: "0".repeat(64),
      pod: { name: "web", namespace: "default", uid: "uid-1" },
      handler: "runc",
      snapshotKey: id,
      rootDir: `/var/lib/crib/containers/${id}`,
      bundleDir: `/run/crib/tasks/${id}`,
      cgroupPath: `/pods/crib-${request.sandboxId}/crib-${id}`,
      log: { maxLineBytes: 16_384 },
    },
    facts: {
      image: {
        id: imageId,
        reference: "docker.io/library/busybox:latest",
        digest: `docker.io/library/busybox@sha256:${"b".repeat(64)}`,
      },
      stopSignal: "SIGTERM",
      user: { uid: 1_000, gid: 1_000, additionalGids: [7] },
    },
    runs: [],
  };
}
