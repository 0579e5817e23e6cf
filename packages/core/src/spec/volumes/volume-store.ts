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
    const work = [
      ...imageMounts.map(async ({ mount, index }) => await mountImage(this.#deps, { id, plan, mount, index }, signal)),
      ...declared.map(async (path, index) => await fillVolume(this.#deps, { plan, path, index, rootfs }, signal)),
    ];
    // All of them, even when one fails: `release` must not meet one that still goes on.
    const settled = await Promise.allSettled(work);
    const failed = settled.find((result) => result.status === "rejected");
    if (failed !== undefined) throw StatusError.from(failed.reason, `preparing volumes of container "${id}"`);
    return await Promise.all(work);
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
