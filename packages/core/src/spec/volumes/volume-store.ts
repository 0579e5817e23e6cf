import { lstat, mkdir } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { umountTree } from "@crib/linux";

import type { ContainerPlan } from "../../containers/types.ts";
import type { PreparedVolume, VolumeStore } from "../types.ts";
import { declaredVolumes } from "./declared-volumes.ts";
import { fillVolume } from "./fill-volume.ts";
import { mountImage, releaseImage } from "./mount-image.ts";
import type { VolumeStoreDeps } from "./types.ts";
import { volumePlaces } from "./volume-places.ts";

/** Volumes below the bundle and the container's directory: nothing of them is remembered anywhere else. */
class DirectoryVolumeStore implements VolumeStore {
  readonly #deps: VolumeStoreDeps;

  constructor(deps: VolumeStoreDeps) {
    this.#deps = deps;
  }

  async prepare(
    { id, plan, image, rootfs }: Parameters<VolumeStore["prepare"]>[0],
    signal: AbortSignal,
  ): Promise<readonly PreparedVolume[]> {
    const { ignoreImageDefinedVolumes } = this.#deps;
    const places = volumePlaces(plan);
    const imageMounts = plan.mounts.flatMap((mount, index) => (mount.image === undefined ? [] : [{ mount, index }]));
    const declared = ignoreImageDefinedVolumes ? [] : declaredVolumes(image, plan.mounts);
    if (imageMounts.length > 0) await mkdir(places.images, { recursive: true, mode: 0o700 });
    if (declared.length > 0) await mkdir(places.declared, { recursive: true, mode: 0o700 });
    return await settleAll(`preparing volumes of container "${id}"`, signal, (either) => [
      ...imageMounts.map(({ mount, index }) => mountImage(this.#deps, { id, plan, mount, index }, either)),
      ...declared.map((path, index) => fillVolume(this.#deps, { plan, path, index, rootfs }, either)),
    ]);
  }

  async release(id: string, plan: ContainerPlan, signal: AbortSignal): Promise<void> {
    const { images, declared } = volumePlaces(plan);
    const indexes = plan.mounts.flatMap(({ image }, index) => (image === undefined ? [] : [index]));
    try {
      for (const path of [images, declared]) {
        // As with most containers; looking for mounts and removing are dear.
        if (!(await isThere(path))) continue;
        await umountTree(path);
        // It does not enter mounts, should there be one again, and follows no link.
        await this.#deps.trees.removeTree(path, signal);
      }
      for (const index of indexes) await releaseImage(this.#deps, id, index, signal);
    } catch (reason) {
      throw StatusError.from(reason, `releasing volumes of container "${id}"`);
    }
  }
}

/**
 * Runs all of them. When one fails the others are stopped, and have ended once this settles: `release` must not meet one that still goes
 * on.
 */
async function settleAll<T>(
  doing: string,
  signal: AbortSignal,
  start: (either: AbortSignal) => readonly Promise<T>[],
): Promise<readonly T[]> {
  const siblings = new AbortController();
  const work = start(AbortSignal.any([signal, siblings.signal]));
  const whole = Promise.all(work);
  try {
    return await whole;
  } catch (reason) {
    siblings.abort();
    await Promise.allSettled(work);
    throw StatusError.from(reason, doing);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (reason) {
    if (hasCode(StatusError.from(reason), Code.NotFound)) return false;
    throw reason;
  }
}

/** The volumes of containers, made from images and in directories of the host. */
export function createVolumeStore(deps: VolumeStoreDeps): VolumeStore {
  return new DirectoryVolumeStore(deps);
}
