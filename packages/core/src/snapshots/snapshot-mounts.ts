import { Code, StatusError } from "@crib/errdefs";
import { bind, type HeldUserns, idmappedMountsSupported, mountOverlay, openUserns, overlayOptions } from "@crib/linux";

import type { IdMappings, IdRange, MountSpec } from "./types.ts";

/** What a snapshot is made of, as absolute paths. */
export interface SnapshotPaths {
  /** Nearest first. */
  readonly lower: readonly string[];
  readonly upper?: { readonly dir: string; readonly work: string };
  readonly idMappings?: IdMappings;
}

/**
 * `index` would refuse a layer that two mounts share, `metacopy` and `redirect_dir` would believe what xattrs in a layer say about
 * other files; none is needed, and a kernel may be built with another default.
 */
const overlayDefaults = { index: "off", metacopy: "off", redirect_dir: "nofollow" };

function mapOption(name: string, ranges: readonly IdRange[]): string {
  return `${name}=${ranges.map(({ containerId, hostId, length }) => `${containerId}:${hostId}:${length}`).join(",")}`;
}

/** How runtimes that mount by themselves are told to mount it, as containerd tells them. */
export function snapshotMountSpecs({ lower, upper, idMappings }: SnapshotPaths): readonly MountSpec[] {
  const mapped =
    idMappings === undefined ? [] : [mapOption("uidmap", idMappings.uids), mapOption("gidmap", idMappings.gids)];
  const [only = ""] = lower;
  if (upper === undefined && lower.length === 1) {
    return [{ type: "bind", source: only, options: ["ro", "rbind", ...mapped] }];
  }
  const options = [...overlayOptions({ lower, upper }, overlayDefaults), ...mapped];
  return [{ type: "overlay", source: "overlay", options }];
}

async function mountPaths(
  { lower, upper }: SnapshotPaths,
  target: string,
  usernsFd: number | undefined,
): Promise<void> {
  const [only] = lower;
  if (upper === undefined && lower.length === 1 && only !== undefined) {
    await bind({ source: only, target, readOnly: true, usernsFd });
  } else {
    await mountOverlay({ lower, upper, target, options: overlayDefaults, usernsFd });
  }
}

/** How ids are mapped, and where it is tried out whether they can be. */
export interface MappedMount {
  /** A pinned user namespace with the snapshot's mappings. Default: one is made for the moment. */
  readonly userns: string | undefined;
  /** A trusted directory on the file system of the layers. */
  readonly probeDir: string;
}

/** Mounts it at an existing directory. Unimplemented when ids are to be mapped and the kernel or the file system cannot do that. */
export async function mountSnapshot(
  paths: SnapshotPaths,
  target: string,
  { userns, probeDir }: MappedMount,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { idMappings } = paths;
  if (idMappings === undefined) return await mountPaths(paths, target, undefined);
  using held: HeldUserns = await openUserns(userns ?? idMappings, signal);
  try {
    await mountPaths(paths, target, held.fd);
  } catch (reason) {
    // Asked only now, since nearly all can.
    if (await idmappedMountsSupported(probeDir, signal)) throw reason;
    const why = "this kernel's overlayfs, or the file system, cannot show files with mapped owners";
    throw new StatusError(Code.Unimplemented, `mounting on "${target}" with mapped ids: ${why}`, { cause: reason });
  }
}
