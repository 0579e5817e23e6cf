import { MountPropagation, Signal } from "@crib/wire/cri";

import type { PresentImage } from "../pods/ensure-image.ts";
import { graceAnnotation } from "../pods/pod-labels.ts";
import type { ContainerConfig } from "../pods/run-pod.ts";
import { containerEnvironment } from "./container-environment.ts";
import { containerResources } from "./container-resources.ts";
import { containerSecurity } from "./container-security.ts";
import { expandVariables } from "./expand-variables.ts";
import type { PodFacts } from "./field-values.ts";
import type { ContainerManifest, PodManifest } from "./pod-manifest.ts";
import type { Volumes } from "./prepare-volumes.ts";
import { signalOf } from "./signal-of.ts";

/** Seconds that containers have to end, as Kubernetes has it. */
const defaultGraceSeconds = 30;

const propagations = {
  None: MountPropagation.PROPAGATION_PRIVATE,
  HostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  Bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
} as const;

/** What a container is made in. */
export interface Surroundings {
  readonly manifest: PodManifest;
  readonly facts: PodFacts;
  readonly volumes: Volumes;
  readonly image: PresentImage;
  /** Whether the runtime handler can make whole trees read-only. */
  readonly canMountRecursivelyReadOnly: boolean;
}

/** What a container of a manifest is asked for with. */
export function containerRequest(container: ContainerManifest, surroundings: Surroundings): ContainerConfig {
  const { manifest, facts, image } = surroundings;
  const values = containerEnvironment(container, manifest, facts);
  const expanded = (texts: readonly string[] = []): string[] => texts.map((text) => expandVariables(text, values));
  const grace = manifest.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  return {
    image: { image: image.id, userSpecifiedImage: container.image },
    command: expanded(container.command),
    args: expanded(container.args),
    workingDir: container.workingDir ?? "",
    envs: [...values].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: mountsOf(container, surroundings),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    annotations: { [graceAnnotation]: String(grace) },
    stopSignal: signalOf(container.lifecycle?.stopSignal ?? "") ?? Signal.RUNTIME_DEFAULT,
    linux: {
      resources: containerResources(container.resources ?? {}),
      securityContext: containerSecurity(container, manifest, image),
    },
  };
}

function mountsOf(
  { volumeMounts = [] }: ContainerManifest,
  { volumes, canMountRecursivelyReadOnly }: Surroundings,
): NonNullable<ContainerConfig["mounts"]> {
  return volumeMounts.map(
    ({ name, mountPath, readOnly = false, recursiveReadOnly, mountPropagation = "None", subPath = "" }) => {
      const volume = volumes.get(name);
      if (volume && "image" in volume) {
        return { containerPath: mountPath, image: { image: volume.image }, imageSubPath: subPath, readonly: true };
      }
      const isWhole =
        recursiveReadOnly === "Enabled" || (recursiveReadOnly === "IfPossible" && canMountRecursivelyReadOnly);
      return {
        containerPath: mountPath,
        hostPath: volume?.hostPath ?? "",
        readonly: readOnly,
        recursiveReadOnly: readOnly && isWhole,
        propagation: propagations[mountPropagation],
      };
    },
  );
}
