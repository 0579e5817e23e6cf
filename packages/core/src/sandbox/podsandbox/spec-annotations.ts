import type { Sandbox, SandboxResources } from "@crib/sandboxer";

const cri = "io.kubernetes.cri";

/** The annotation that says whose group a container belongs to: shims of one group are one process. */
export const sandboxIdAnnotation = `${cri}.sandbox-id`;

/** Keys that decide about shims and sandboxes: a pod must not set them, whatever its handler lets through. */
const reserved = (key: string): boolean => key.startsWith(`${cri}.`) || key.startsWith("io.containerd.");

/** The annotations of the OCI specification of a pod's own container (containerd.md 1.3.4). */
export function sandboxAnnotations(sandbox: Sandbox): Readonly<Record<string, string>> {
  const passed = Object.entries(sandbox.annotations).filter(([key]) => !reserved(key));
  return {
    ...Object.fromEntries(passed),
    [sandboxIdAnnotation]: sandbox.id,
    [`${cri}.sandbox-namespace`]: sandbox.pod.namespace,
    [`${cri}.sandbox-uid`]: sandbox.pod.uid,
    [`${cri}.sandbox-name`]: sandbox.pod.name,
    [`${cri}.container-type`]: "sandbox",
    ...resourceAnnotations(sandbox.resources),
  };
}

function resourceAnnotations(resources: SandboxResources): Record<string, string> {
  const values: readonly (readonly [string, number | undefined])[] = [
    ["cpu-period", resources.cpuPeriod],
    ["cpu-quota", resources.cpuQuota],
    ["cpu-shares", resources.cpuShares],
    ["memory", resources.memoryLimitBytes],
  ];
  return Object.fromEntries(
    values
      .filter(([, value]) => value !== undefined && value !== 0)
      .map(([key, value]) => [`${cri}.sandbox-${key}`, `${value}`]),
  );
}
