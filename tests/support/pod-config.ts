import { randomUUID } from "node:crypto";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { NamespaceMode, type PodSandboxConfigSchema, SecurityProfile_ProfileType } from "@crib/wire/cri";

/** What a message is made from, without messages already made. */
type Plain<T> = Exclude<NonNullable<T>, { readonly $typeName: string }>;

/** A PodSandboxConfig as it is given to the client. */
export type PodConfig = Plain<MessageInitShape<typeof PodSandboxConfigSchema>>;

/** One that has all that the kubelet sends. */
export type KubeletPodConfig = PodConfig & {
  readonly metadata: Plain<PodConfig["metadata"]>;
  readonly linux: Plain<PodConfig["linux"]>;
};

/** Which namespaces a pod shares with its node. */
export interface SharedNamespaces {
  readonly network?: NamespaceMode;
  readonly pid?: NamespaceMode;
  readonly ipc?: NamespaceMode;
}

/** What the kubelet asks for when it starts a pod that sets nothing special; no other pod has this uid. */
export function kubeletPodConfig(name: string, cgroupParent: string): KubeletPodConfig {
  const uid = randomUUID();
  return {
    metadata: { name, uid, namespace: "default", attempt: 0 },
    hostname: name,
    logDirectory: `/var/log/pods/default_${name}_${uid}`,
    dnsConfig: {
      servers: ["10.96.0.10"],
      searches: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"],
      options: ["ndots:5"],
    },
    labels: {
      "io.kubernetes.pod.name": name,
      "io.kubernetes.pod.namespace": "default",
      "io.kubernetes.pod.uid": uid,
    },
    annotations: {
      "kubernetes.io/config.seen": "2026-11-20T10:00:00.000000000Z",
      "kubernetes.io/config.source": "api",
    },
    linux: {
      cgroupParent,
      securityContext: securityContext({}),
      overhead: {},
      resources: { cpuPeriod: 100_000n, cpuShares: 2n },
    },
  };
}

/** The security context of a kubelet's pod with these namespaces. */
export function securityContext({
  network = NamespaceMode.POD,
  pid = NamespaceMode.CONTAINER,
  ipc = NamespaceMode.POD,
}: SharedNamespaces): Plain<Plain<PodConfig["linux"]>["securityContext"]> {
  return {
    namespaceOptions: { network, pid, ipc },
    seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
  };
}
