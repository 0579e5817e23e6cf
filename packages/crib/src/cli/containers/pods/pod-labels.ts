/** Marks pods that the command line made, with the command; only their directories are ever removed by it. */
export const madeByLabel = "dev.crib/made-by";
/** What a manifest was made from. */
export const manifestLabel = "dev.crib/manifest";
/** Seconds that a container has to end when it is asked to; an annotation. */
export const graceAnnotation = "dev.crib/termination-grace-seconds";

/** The labels that the kubelet gives pods, which tools like crictl show. */
export function podLabels(pod: {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}): Readonly<Record<string, string>> {
  return {
    "io.kubernetes.pod.name": pod.name,
    "io.kubernetes.pod.namespace": pod.namespace,
    "io.kubernetes.pod.uid": pod.uid,
  };
}

/** The same for containers. */
export function containerLabels(
  pod: { readonly name: string; readonly namespace: string; readonly uid: string },
  name: string,
): Readonly<Record<string, string>> {
  return { ...podLabels(pod), "io.kubernetes.container.name": name };
}
