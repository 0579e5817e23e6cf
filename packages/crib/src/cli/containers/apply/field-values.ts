import { hostname } from "node:os";

import type { PodManifest } from "./pod-manifest.ts";

/** What is known of a pod that runs. */
export interface PodFacts {
  readonly uid: string;
  readonly addresses: readonly string[];
}

const ofMap = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

const simple: Readonly<Record<string, (manifest: PodManifest, facts: PodFacts) => string>> = {
  "metadata.name": ({ metadata }) => metadata.name,
  "metadata.namespace": ({ metadata }) => metadata.namespace ?? "default",
  "metadata.uid": (_, { uid }) => uid,
  "spec.nodeName": () => hostname(),
  "spec.serviceAccountName": () => "default",
  "status.podIP": (_, { addresses }) => addresses[0] ?? "",
  "status.podIPs": (_, { addresses }) => addresses.join(","),
};

/** Whether `valueFrom.fieldRef` may name this path. */
export function isFieldPath(path: string): boolean {
  return path in simple || ofMap.test(path);
}

/** The value of a path that `isFieldPath` takes; empty for a label or annotation that the pod does not have. */
export function fieldValue(path: string, manifest: PodManifest, facts: PodFacts): string {
  const [, map, key] = ofMap.exec(path) ?? [];
  if (map !== undefined && key !== undefined) return manifest.metadata[map as "labels" | "annotations"]?.[key] ?? "";
  return simple[path]?.(manifest, facts) ?? "";
}
