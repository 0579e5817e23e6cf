import { isFieldPath } from "./field-values.ts";
import type { ContainerManifest, PodManifest, VolumeManifest } from "./pod-manifest.ts";
import { signalOf } from "./signal-of.ts";

/** What the fields of a manifest say together. */
export interface Findings {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

type Place = readonly [path: string, container: ContainerManifest];

/** Checks what no single field shows: names that are used twice or meant and not there, and what cannot be had. */
export function checkManifest({ spec }: PodManifest): Findings {
  const containers: readonly Place[] = [
    ...(spec.initContainers ?? []).map((each, index): Place => [`spec.initContainers[${index}]`, each]),
    ...spec.containers.map((each, index): Place => [`spec.containers[${index}]`, each]),
  ];
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  return {
    problems: [
      ...twice(
        "spec.containers",
        containers.map(([, { name }]) => name),
      ),
      ...twice(
        "spec.volumes",
        (spec.volumes ?? []).map(({ name }) => name),
      ),
      ...(spec.volumes ?? []).flatMap(checkVolume),
      ...containers.flatMap(([path, each]) => checkContainer(path, each, volumes, spec.hostNetwork === true)),
      ...(spec.hostPID && spec.shareProcessNamespace
        ? ["spec.shareProcessNamespace: is not for pods with hostPID"]
        : []),
      ...(spec.dnsPolicy === "None" && !spec.dnsConfig?.nameservers?.length
        ? ["spec.dnsConfig.nameservers: is needed with dnsPolicy None"]
        : []),
    ],
    warnings: [
      ...(spec.dnsPolicy === "ClusterFirst" || spec.dnsPolicy === "ClusterFirstWithHostNet"
        ? [`spec.dnsPolicy ${spec.dnsPolicy} is as Default: there is no cluster`]
        : []),
      ...(spec.volumes ?? []).flatMap(({ name, emptyDir }) =>
        emptyDir?.sizeLimit !== undefined && emptyDir.medium !== "Memory"
          ? [`spec.volumes "${name}": sizeLimit is not kept but in memory`]
          : [],
      ),
      ...containers.flatMap(([path, { resources }]) =>
        resources?.limits?.["ephemeral-storage"] !== undefined
          ? [`${path}.resources.limits.ephemeral-storage is ignored: there is no kubelet that would measure`]
          : [],
      ),
    ],
  };
}

function checkContainer(
  path: string,
  container: ContainerManifest,
  volumes: ReadonlyMap<string, VolumeManifest>,
  hostNetwork: boolean,
): readonly string[] {
  const { env = [], volumeMounts = [], ports = [], resources, lifecycle, restartPolicy } = container;
  const isInit = path.startsWith("spec.init");
  const isSidecar = restartPolicy === "Always";
  return [
    ...env.flatMap(({ value, valueFrom }, index) => checkVariable(`${path}.env[${index}]`, value, valueFrom)),
    ...volumeMounts.flatMap(({ name, subPath }, index) => {
      const place = `${path}.volumeMounts[${index}]`;
      const volume = volumes.get(name);
      if (!volume) return [`${place}.name = "${name}": there is no such volume`];
      // A container that can write there could put a symbolic link in the way, and have anything of the host mounted.
      return subPath && !volume.image ? [`${place}.subPath: is known for image volumes only`] : [];
    }),
    ...ports.flatMap(({ containerPort, hostPort }, index) =>
      hostNetwork && hostPort !== undefined && hostPort !== containerPort
        ? [`${path}.ports[${index}].hostPort = ${hostPort}: with hostNetwork it is the containerPort, ${containerPort}`]
        : [],
    ),
    ...Object.entries({ ...resources?.requests, ...resources?.limits }).flatMap(([name]) =>
      /^(cpu|memory|ephemeral-storage|hugepages-\d+[KMG]i)$/.test(name)
        ? []
        : [`${path}.resources: ${name} is not known; there are no device plugins`],
    ),
    ...(lifecycle?.stopSignal !== undefined && signalOf(lifecycle.stopSignal) === undefined
      ? [`${path}.lifecycle.stopSignal = "${lifecycle.stopSignal}": expected a signal such as SIGTERM`]
      : []),
    ...(restartPolicy !== undefined && !(isInit && isSidecar)
      ? [`${path}.restartPolicy: is for init containers, which become sidecars by "Always"`]
      : []),
  ];
}

function checkVariable(
  path: string,
  value: string | undefined,
  valueFrom: NonNullable<ContainerManifest["env"]>[number]["valueFrom"],
): readonly string[] {
  if (valueFrom === undefined) return [];
  if (value !== undefined && value !== "") return [`${path}: has both value and valueFrom`];
  const fieldPath = valueFrom.fieldRef?.fieldPath;
  // What else it may be is told by name.
  if (fieldPath === undefined || isFieldPath(fieldPath)) return [];
  return [`${path}.valueFrom.fieldRef.fieldPath = "${fieldPath}": is not known`];
}

function checkVolume({ name, emptyDir, hostPath, image }: VolumeManifest, index: number): readonly string[] {
  const count = [emptyDir, hostPath, image].filter((each) => each !== undefined).length;
  return count > 1 ? [`spec.volumes[${index}] "${name}": is more than one kind of volume`] : [];
}

function twice(path: string, names: readonly string[]): readonly string[] {
  const found = names.filter((name, index) => names.indexOf(name) < index);
  return [...new Set(found)].map((name) => `${path}: the name "${name}" is there twice`);
}
