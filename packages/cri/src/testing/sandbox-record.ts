import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { PodSandboxRequest, SandboxRecord } from "@crib/core/sandbox";
import { testSandboxPlan } from "@crib/core/testing";
import { PodSandboxConfigSchema } from "@crib/wire/cri";

import { encodePodConfig } from "../conversion/pod/pod-config.ts";
import { runcHandler } from "./runc-handler.ts";

/** The configuration of a pod named `web` that asks for nothing else. */
export function podConfig(
  more: MessageInitShape<typeof PodSandboxConfigSchema> = {},
): MessageInitShape<typeof PodSandboxConfigSchema> {
  return { metadata: { name: "web", namespace: "default", uid: "uid-1", attempt: 1 }, ...more } as MessageInitShape<
    typeof PodSandboxConfigSchema
  >;
}

/** A ready sandbox with one address, as core would keep it. */
export function sandboxRecord(id: string, request: Partial<PodSandboxRequest> = {}): SandboxRecord {
  const pod = request.pod ?? { name: "web", namespace: "default", uid: "uid-1", attempt: 1 };
  const config = request.config ?? encodePodConfig(create(PodSandboxConfigSchema, podConfig()));
  return {
    version: 1,
    id,
    name: `${pod.name}_${pod.namespace}_${pod.uid}_${pod.attempt}`,
    state: "ready",
    createdAt: "2026-11-21T01:02:03.456Z",
    bootId: "boot",
    plan: testSandboxPlan({
      pod,
      handler: runcHandler,
      config: Buffer.from(config).toString("base64"),
      checksum: "0".repeat(64),
      labels: request.labels ?? {},
      annotations: request.annotations ?? {},
      logDirectory: request.logDirectory ?? "",
      hostNetwork: request.network === "node",
      hostIpc: request.ipc === "node",
      pidMode: request.pid ?? "container",
      ...(request.userNamespace && { userNamespace: request.userNamespace }),
      privileged: request.privileged ?? false,
      namespaces: { net: `/run/netns/crib-${id}` },
      rootDir: `/var/lib/crib/sandboxes/${id}`,
      stateDir: `/run/crib/sandboxes/${id}`,
      shmPath: `/run/crib/sandboxes/${id}/shm`,
      cgroupPath: `/pods/crib-${id}`,
    }),
    facts: { network: { addresses: ["10.88.0.2", "fd00::2"], results: [{ cniVersion: "1.1.0" }] } },
    runs: [],
  };
}
