import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { ContainerPlan } from "@crib/core/containers";
import { type ContainerConfig, ContainerConfigSchema, type ImageSpec } from "@crib/wire/cri";

import { sorted } from "../sorted.ts";

/** A container configuration in binary form, the same bytes for equal configurations; as for pods. */
export function encodeContainerConfig(config: ContainerConfig): Uint8Array {
  const { linux, image } = config;
  return toBinary(ContainerConfigSchema, {
    ...config,
    labels: sorted(config.labels),
    annotations: sorted(config.annotations),
    mounts: config.mounts.map((mount) => (mount.image ? { ...mount, image: sortedImage(mount.image) } : mount)),
    ...(image && { image: sortedImage(image) }),
    ...(linux?.resources && {
      linux: { ...linux, resources: { ...linux.resources, unified: sorted(linux.resources.unified) } },
    }),
  });
}

/** The configuration that a container was asked for with; an empty one when the record's cannot be read. */
export function decodeContainerConfig(plan: Pick<ContainerPlan, "config">): ContainerConfig {
  try {
    return fromBinary(ContainerConfigSchema, Buffer.from(plan.config, "base64"));
  } catch {
    // A damaged copy must not hide the container from the client that has to remove it.
    return create(ContainerConfigSchema);
  }
}

function sortedImage(image: ImageSpec): ImageSpec {
  return { ...image, annotations: sorted(image.annotations) };
}
