import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { SandboxRecord } from "@crib/core/sandbox";
import { NamespaceOptionSchema, type PodSandboxStatusSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";
import { decodePodConfig } from "./pod-config.ts";
import { toPodSandboxState } from "./pod-sandbox.ts";

/** A sandbox as PodSandboxStatus shows it. Addresses only while it is ready and has a network of its own. */
export function toPodSandboxStatus(record: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema> {
  const { plan } = record;
  const options = decodePodConfig(plan).linux?.securityContext?.namespaceOptions;
  return {
    id: record.id,
    metadata: plan.pod,
    state: toPodSandboxState(record),
    createdAt: toNanoseconds(record.createdAt),
    labels: plan.labels,
    annotations: plan.annotations,
    runtimeHandler: plan.handler.name,
    network: toNetworkStatus(record),
    linux: { namespaces: { options: options ?? create(NamespaceOptionSchema) } },
  };
}

function toNetworkStatus(record: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema>["network"] {
  const shown = record.state === "ready" && !record.plan.hostNetwork;
  const [ip = "", ...others] = shown ? (record.facts.network?.addresses ?? []) : [];
  return { ip, additionalIps: others.map((address) => ({ ip: address })) };
}
