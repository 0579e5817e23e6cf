import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { copyTree } from "@crib/linux";

import type { ContainerPlan } from "../../containers/types.ts";
import type { PreparedVolume } from "../types.ts";
import type { VolumeStoreDeps } from "./types.ts";
import { volumePlaces } from "./volume-places.ts";

/** A volume that an image declares. */
export interface DeclaredVolume {
  readonly plan: ContainerPlan;
  readonly path: string;
  /** Among those of the image. */
  readonly index: number;
  /** Where the container's root file system is mounted. */
  readonly rootfs: string;
}

/**
 * Files and directories that are copied at once: most volumes have nothing in the image, or a few files, for which no thread need
 * be started.
 */
const stepsAtOnce = 24;
/** Milliseconds that they may take, should the disk be slow. */
const atOnceMs = 4;

/** Makes a directory for a declared volume, with what the image has there. Whoever owns the files in the container owns their copies. */
export async function fillVolume(
  { trees }: Pick<VolumeStoreDeps, "trees">,
  { plan, path, index, rootfs }: DeclaredVolume,
  signal: AbortSignal,
): Promise<PreparedVolume> {
  const source = join(volumePlaces(plan).declared, String(index));
  try {
    await makeDirectory(source);
    if (!copyAtOnce(rootfs, path, source)) {
      await trees.removeTree(source, signal);
      await makeDirectory(source);
      await trees.copyTree(rootfs, path, source, signal);
    }
  } catch (reason) {
    throw StatusError.from(reason, `filling volume "${path}"`);
  }
  return { containerPath: path, source, readonly: false };
}

/** False when it is more than a little, which leaves a part of it. */
function copyAtOnce(rootfs: string, path: string, target: string): boolean {
  const steps = copyTree(rootfs, path, target);
  const end = performance.now() + atOnceMs;
  for (let count = 0; count < stepsAtOnce && performance.now() < end; count += 1) {
    if (steps.next().done === true) return true;
  }
  steps.return(false);
  return false;
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: 0o755 });
  // The umask must not decide, where the image has nothing.
  await chmod(path, 0o755);
}
