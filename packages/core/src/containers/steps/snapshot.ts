import { Code, StatusError } from "@crib/errdefs";

import type { Image } from "../../images/types.ts";
import type { SandboxRecord } from "../../sandbox/types.ts";
import type { IdMappings } from "../../snapshots/types.ts";
import type { ContainerFacts } from "../types.ts";
import type { ContainerStepContext } from "./types.ts";

/** Makes the writable snapshot, in the transaction that resolves the image, so that nothing can remove that in between. */
export async function prepareSnapshot(context: ContainerStepContext): Promise<Partial<ContainerFacts>> {
  const { id, plan, deps, signal, midpoint } = context;
  const idMappings = mappingsOf(sandboxOf(context));
  const { image } = deps.images.prepareSnapshot(plan.image, {
    key: plan.snapshotKey,
    kind: "active",
    owner: id,
    ...(idMappings && { idMappings }),
  });
  await midpoint();
  await deps.snapshots.materialize(plan.snapshotKey, signal);
  return { image: describeImage(image) };
}

/** Removes the snapshot, and has layers be collected that only it has kept. Absence is success. */
export async function removeSnapshot({ plan, deps, midpoint }: ContainerStepContext): Promise<void> {
  const { images, snapshots } = deps;
  const layer = snapshots.find(plan.snapshotKey)?.parent;
  try {
    await snapshots.discard(plan.snapshotKey);
  } catch (reason) {
    // Its row may be gone and its directory half: what no row names is swept with the next collection.
    images.collectSoon();
    throw reason;
  }
  await midpoint();
  const isKept = images.list().some(({ layers }) => layers.at(-1)?.chainId === layer);
  if (layer !== undefined && !isKept) images.collectSoon();
}

/** Mounts the snapshot in the bundle: nobody else does, and it stays until the container's end. */
export async function mountRootfs({ plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  const overlay = deps.findSandbox(plan.sandboxId)?.plan.handler.snapshotOptions ?? [];
  await deps.snapshots.mount(plan.snapshotKey, `${plan.bundleDir}/rootfs`, signal, { overlay });
  await midpoint();
}

/** Takes it off. Not mounted is success. */
export async function unmountRootfs({ plan, deps, signal, midpoint }: ContainerStepContext): Promise<void> {
  await deps.snapshots.unmount(`${plan.bundleDir}/rootfs`, signal);
  await midpoint();
}

/** The container's pod. FailedPrecondition when it is not there or not ready: it may go at any time. */
export function sandboxOf({ id, plan, deps }: Pick<ContainerStepContext, "id" | "plan" | "deps">): SandboxRecord {
  const sandbox = deps.findSandbox(plan.sandboxId);
  if (sandbox?.state === "ready") return sandbox;
  throw new StatusError(Code.FailedPrecondition, `container "${id}": its sandbox "${plan.sandboxId}" is not ready`);
}

function mappingsOf({ plan: { userNamespace } }: SandboxRecord): IdMappings | undefined {
  return userNamespace && { uids: userNamespace.uids, gids: userNamespace.gids };
}

function describeImage({ id, repoTags, repoDigests }: Image): ContainerFacts["image"] {
  return { id, reference: repoTags[0] ?? repoDigests[0] ?? id, digest: repoDigests[0] ?? id };
}
