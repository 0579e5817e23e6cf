/** A field of a manifest that crib does not act on. */
export interface OtherField {
  /** Such as `spec.containers[0].livenessProbe`. */
  readonly path: string;
  /** `refused`: the pod would not be what the manifest says. */
  readonly weight: "refused" | "ignored";
  readonly why: string;
}

const noObjects = "there is no cluster that it could come from";
const probes = "there is no kubelet that would probe";
const hooks = "there is no kubelet that would run hooks";

const refused: Readonly<Record<string, string>> = {
  "spec.ephemeralContainers": "they are for pods that run already; use crib exec",
  "spec.hostAliases": "names of hosts cannot be added",
  "spec.hostUsers": "user namespaces cannot be asked for here",
  "spec.resourceClaims": noObjects,
  "spec.securityContext.windowsOptions": "crib runs containers of Linux",
  "spec.containers[].envFrom": noObjects,
  "spec.containers[].resources.claims": noObjects,
  "spec.containers[].securityContext.windowsOptions": "crib runs containers of Linux",
  "spec.containers[].env[].valueFrom.configMapKeyRef": noObjects,
  "spec.containers[].env[].valueFrom.secretKeyRef": noObjects,
  "spec.containers[].env[].valueFrom.resourceFieldRef": "only fieldRef is known; write the value",
  "spec.containers[].env[].valueFrom.fileKeyRef": "only fieldRef is known; write the value",
  "spec.containers[].volumeDevices": "there are no block volumes; use hostPath",
  "spec.containers[].volumeMounts[].subPathExpr": "write the path",
};

const ignored: Readonly<Record<string, string>> = {
  status: "it is what a cluster tells",
  "metadata.uid": "each pod gets a new one",
  "spec.activeDeadlineSeconds": "there is no kubelet that would watch the time",
  "spec.containers[].livenessProbe": probes,
  "spec.containers[].readinessProbe": probes,
  "spec.containers[].startupProbe": probes,
  "spec.containers[].lifecycle.postStart": hooks,
  "spec.containers[].lifecycle.preStop": hooks,
  "spec.imagePullSecrets": "crib pull has flags for credentials",
  "spec.serviceAccountName": "there is no cluster that would give a token",
  "spec.serviceAccount": "there is no cluster that would give a token",
  "spec.nodeName": "the pod runs here",
  "spec.nodeSelector": "the pod runs here",
  "spec.affinity": "the pod runs here",
  "spec.tolerations": "the pod runs here",
  "spec.topologySpreadConstraints": "the pod runs here",
  "spec.schedulerName": "the pod runs here",
};

/** What of a manifest the checked one does not have, in the order of the manifest. Both without nulls. */
export function findOtherFields(given: unknown, known: unknown, path = ""): readonly OtherField[] {
  if (Array.isArray(given) && Array.isArray(known)) {
    return given.flatMap((each, index) => findOtherFields(each, known[index], `${path}[${index}]`));
  }
  if (!isObject(given) || !isObject(known)) return [];
  return Object.entries(given).flatMap(([key, value]) => {
    const place = path === "" ? key : `${path}.${key}`;
    return key in known ? findOtherFields(value, known[key], place) : [judge(place)];
  });
}

function judge(path: string): OtherField {
  const general = path.replaceAll(/\[\d+\]/g, "[]").replace(/^spec\.initContainers/, "spec.containers");
  const volume = /^spec\.volumes\[\]\.(\w+)$/.exec(general)?.[1];
  if (volume !== undefined) {
    return { path, weight: "refused", why: `${volume} volumes are not known; emptyDir, hostPath and image are` };
  }
  const why = refused[general];
  if (why !== undefined) return { path, weight: "refused", why };
  return { path, weight: "ignored", why: ignored[general] ?? "crib does not know this field" };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
