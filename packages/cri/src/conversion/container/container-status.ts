import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRecord } from "@crib/core/containers";
import { ContainerState, type ContainerStatusSchema, type Mount, type MountSchema, Signal } from "@crib/wire/cri";

import { toNanoseconds } from "../nanoseconds.ts";
import { decodeContainerConfig } from "./container-config.ts";
import { toResources } from "./container-resources.ts";
import { toContainerState } from "./container-state.ts";
import { toContainerImage } from "./container.ts";
import { toSignal } from "./stop-signal.ts";

type Status = MessageInitShape<typeof ContainerStatusSchema>;

/** A container as ContainerStatus shows it, from its record alone. */
export function toContainerStatus(record: ContainerRecord): Status {
  const { id, plan, facts } = record;
  const imageId = facts.image?.id ?? "";
  return {
    id,
    metadata: { name: plan.name, attempt: plan.attempt },
    createdAt: toNanoseconds(record.createdAt),
    image: toContainerImage(record, facts.image?.reference || plan.image),
    imageRef: facts.image?.digest || imageId,
    imageId,
    labels: plan.labels,
    annotations: plan.annotations,
    mounts: toMounts(record),
    logPath: plan.logPath,
    resources: { linux: toResources(record) },
    ...toLife(record),
    ...toUser(record),
    stopSignal: facts.stopSignal === undefined ? Signal.RUNTIME_DEFAULT : toSignal(facts.stopSignal),
  };
}

/** When it ran, and how it ended once it is shown as ended. The message of a row that cannot be finished is what stands in the way. */
function toLife(
  record: ContainerRecord,
): Pick<Status, "state" | "startedAt" | "finishedAt" | "exitCode" | "reason" | "message"> {
  const { facts, problem } = record;
  const state = toContainerState(record);
  const exit = state === ContainerState.CONTAINER_EXITED ? facts.exit : undefined;
  const standing = problem ? `${problem.flow}: ${problem.message}` : "";
  return {
    state,
    startedAt: facts.startedAt === undefined ? 0n : toNanoseconds(facts.startedAt),
    ...(exit && { finishedAt: toNanoseconds(exit.exitedAt), exitCode: exit.exitCode, reason: exit.reason }),
    message: exit?.message || standing,
  };
}

function toUser({ facts: { user } }: ContainerRecord): Pick<Status, "user"> {
  if (!user) return {};
  const supplementalGroups = user.additionalGids.map(BigInt);
  return { user: { linux: { uid: BigInt(user.uid), gid: BigInt(user.gid), supplementalGroups } } };
}

/** The mounts as they were asked for; those of images with the id of the image that was mounted. */
function toMounts({ plan, facts }: ContainerRecord): MessageInitShape<typeof MountSchema>[] {
  return decodeContainerConfig(plan).mounts.map((mount, index) =>
    withImageId(mount, facts.imageMounts, plan.mounts[index]?.containerPath),
  );
}

function withImageId(
  mount: Mount,
  imageMounts: ContainerRecord["facts"]["imageMounts"] = [],
  containerPath = mount.containerPath,
): MessageInitShape<typeof MountSchema> {
  const found = mount.image && imageMounts.find((one) => one.containerPath === containerPath);
  return found && mount.image ? { ...mount, image: { ...mount.image, imageRef: found.imageId } } : mount;
}
