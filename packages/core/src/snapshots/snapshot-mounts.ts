import { StatusError } from "@crib/errdefs";
import { bind, type HeldUserns, mountOverlay, openUserns, overlayOptions } from "@crib/linux";

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

/** Mounts it at an existing directory. `userns` is a pinned user namespace with its mappings, which else is made for the moment. */
export async function mountSnapshot(
  { lower, upper, idMappings }: SnapshotPaths,
  target: string,
  userns: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  using held: HeldUserns | undefined = idMappings && (await openUserns(userns ?? idMappings, signal));
  const usernsFd = held?.fd;
  const [only] = lower;
  try {
    if (upper === undefined && lower.length === 1 && only !== undefined) {
      await bind({ source: only, target, readOnly: true, usernsFd });
    } else {
      await mountOverlay({ lower, upper, target, options: overlayDefaults, usernsFd });
    }
  } catch (reason) {
    // Only then asked, since nearly all have them.
    if (held === undefined) throw reason;
    throw new StatusError(
      StatusError.from(reason).code,
      `mounting with mapped ids: ${StatusError.from(reason).message}`,
      {
        cause: reason,
      },
    );
  }
}
