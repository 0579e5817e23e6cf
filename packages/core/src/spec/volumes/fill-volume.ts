import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { copyTree } from "@crib/linux";

import type { ContainerPlan } from "../../containers/types.ts";
import type { IdRange } from "../../snapshots/types.ts";
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
  { trees, snapshots }: Pick<VolumeStoreDeps, "trees" | "snapshots">,
  { plan, path, index, rootfs }: DeclaredVolume,
  signal: AbortSignal,
): Promise<PreparedVolume> {
  const source = join(volumePlaces(plan).declared, String(index));
  const mappings = snapshots.find(plan.snapshotKey)?.idMappings;
  const owner = { uid: hostIdOfRoot(mappings?.uids), gid: hostIdOfRoot(mappings?.gids) };
  try {
    await makeDirectory(source, owner);
    if (!copyAtOnce(rootfs, path, source)) {
      await trees.removeTree(source, signal);
      await makeDirectory(source, owner);
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

/** The container's root is who owns it where the image has nothing. */
function hostIdOfRoot(ranges: readonly IdRange[] = []): number {
  return ranges.find(({ containerId }) => containerId === 0)?.hostId ?? 0;
}

async function makeDirectory(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  await mkdir(path, { mode: 0o755 });
  // The umask must not decide.
  await chmod(path, 0o755);
  await chown(path, uid, gid);
}
