import { existsSync } from "node:fs";
import { dirname } from "node:path";

import { create } from "@bufbuild/protobuf";
import { type PodSandbox, PodSandboxSchema } from "@crib/wire/nri";

import type { SandboxRecord } from "../../sandbox/types.ts";
import { podResources } from "./resources.ts";

/** Names of namespaces in records and in NRI. */
const types = { net: "network", ipc: "ipc", uts: "uts", user: "user", pid: "pid" } as const;

/** A pod as plugins are told of it. */
export function toNriPod({ id, plan, facts }: SandboxRecord): PodSandbox {
  return create(PodSandboxSchema, {
    id,
    name: plan.pod.name,
    uid: plan.pod.uid,
    namespace: plan.pod.namespace,
    labels: { ...plan.labels },
    annotations: { ...plan.annotations },
    runtimeHandler: plan.handler.name,
    pid: facts.instance?.process?.pid ?? 0,
    ips: plan.hostNetwork ? [] : [...(facts.network?.addresses ?? [])],
    linux: {
      podOverhead: podResources(facts.updated?.overhead ?? plan.overhead),
      podResources: podResources(facts.updated?.resources ?? plan.resources),
      cgroupParent: dirname(plan.cgroupPath),
      cgroupsPath: plan.cgroupPath,
      namespaces: namespaces({ plan, facts }),
    },
  });
}

function namespaces({ plan, facts }: Pick<SandboxRecord, "plan" | "facts">): { type: string; path: string }[] {
  const paths = facts.instance?.namespaces ?? plan.namespaces;
  return Object.entries(types).flatMap(([name, type]) => {
    const path = paths[name as keyof typeof types];
    if (path === undefined || path === "") return [];
    // After the network is gone plugins must not look for it.
    return name === "net" && !existsSync(path) ? [] : [{ type, path }];
  });
}
