import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";

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

/** Makes a directory for a declared volume, with what the image has there. Whoever owns the files in the container owns their copies. */
export async function fillVolume(
  { trees }: Pick<VolumeStoreDeps, "trees">,
  { plan, path, index, rootfs }: DeclaredVolume,
  signal: AbortSignal,
): Promise<PreparedVolume> {
  const source = join(volumePlaces(plan).declared, String(index));
  try {
    await mkdir(source, { mode: 0o755 });
    // The umask must not decide, where the image has nothing.
    await chmod(source, 0o755);
    await trees.copyTree(rootfs, path, source, signal);
  } catch (reason) {
    throw StatusError.from(reason, `filling volume "${path}"`);
  }
  return { containerPath: path, source, readonly: false };
}
