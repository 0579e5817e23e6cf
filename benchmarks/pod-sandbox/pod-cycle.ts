import { randomUUID } from "node:crypto";

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriClient } from "@crib/cri-client";
import { NamespaceMode, type PodSandboxConfigSchema, SecurityProfile_ProfileType } from "@crib/wire/cri";

/** Milliseconds of the calls in the life of one pod. */
export interface CycleTimes {
  readonly run: number;
  readonly stop: number;
  readonly remove: number;
  readonly cycle: number;
}

export type PidMode = "container" | "pod";

/** What the kubelet sends for an ordinary pod. */
export function podConfig(pid: PidMode): MessageInitShape<typeof PodSandboxConfigSchema> {
  const uid = randomUUID();
  const name = `bench-${uid.slice(0, 8)}`;
  return {
    metadata: { name, namespace: "bench", uid, attempt: 0 },
    hostname: name,
    logDirectory: `/var/log/pods/bench_${name}_${uid}`,
    dnsConfig: {
      servers: ["10.96.0.10"],
      searches: ["bench.svc.cluster.local", "cluster.local"],
      options: ["ndots:5"],
    },
    labels: { "io.kubernetes.pod.name": name, "io.kubernetes.pod.namespace": "bench", "io.kubernetes.pod.uid": uid },
    annotations: { "kubernetes.io/config.source": "api" },
    linux: {
      cgroupParent: `/crib-bench/pod${uid}`,
      securityContext: {
        namespaceOptions: {
          network: NamespaceMode.POD,
          pid: pid === "pod" ? NamespaceMode.POD : NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
        },
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
      },
    },
  };
}

/** Runs, stops and removes one pod, one call after the other. */
export async function podCycle(client: CriClient, pid: PidMode): Promise<CycleTimes> {
  const began = performance.now();
  const { podSandboxId } = await client.runtime.runPodSandbox({ config: podConfig(pid) });
  const ran = performance.now();
  await client.runtime.stopPodSandbox({ podSandboxId });
  const stopped = performance.now();
  await client.runtime.removePodSandbox({ podSandboxId });
  const removed = performance.now();
  return { run: ran - began, stop: stopped - ran, remove: removed - stopped, cycle: removed - began };
}
