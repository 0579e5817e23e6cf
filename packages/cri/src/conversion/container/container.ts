import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import type { ContainerSchema, ImageSpecSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";
import { toContainerState } from "./container-state.ts";

/** A container as ListContainers shows it. */
export function toContainer(record: ContainerRecord): MessageInitShape<typeof ContainerSchema> {
  const { id, plan, facts } = record;
  const imageId = facts.image?.id ?? "";
  return {
    id,
    podSandboxId: plan.sandboxId,
    metadata: { name: plan.name, attempt: plan.attempt },
    image: toContainerImage(record, plan.image),
    imageRef: imageId,
    imageId,
    state: toContainerState(record),
    createdAt: toNanoseconds(record.createdAt),
    labels: plan.labels,
    annotations: plan.annotations,
  };
}

/** The image by `name`, with what else the container's author said of it. */
export function toContainerImage({ plan }: ContainerRecord, name: string): MessageInitShape<typeof ImageSpecSchema> {
  return { image: name, userSpecifiedImage: plan.userSpecifiedImage };
}

/** About how many bytes a container takes in a list. */
export function containerWeight({ plan }: ContainerRecord): number {
  const maps = [plan.labels, plan.annotations].flatMap((map) => Object.entries(map));
  return maps.reduce((sum, [key, value]) => sum + 3 * (key.length + value.length), 768 + 3 * plan.image.length);
}
