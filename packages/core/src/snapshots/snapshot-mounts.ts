import { rm } from "node:fs/promises";
import { join } from "node:path";

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

/** `volatile` leaves a mark in the work directory; a kernel that finds it does not mount again, lest changes were lost in a crash. */
async function forgetVolatile({ upper }: SnapshotPaths): Promise<void> {
  // What a crash of the machine may have lost is nobody's: containers of another boot are ended, not mounted.
  if (upper) await rm(join(upper.work, "work", "incompat", "volatile"), { recursive: true, force: true });
}

function parseOverlayOptions(options: readonly string[]): Readonly<Record<string, string | true>> {
  const pairs = options.map((option) => option.split("=", 2));
  return Object.fromEntries(pairs.map(([name = "", value]) => [name, value ?? true]));
}

async function mountPaths(
  paths: SnapshotPaths,
  target: string,
  more: readonly string[],
  usernsFd: number | undefined,
): Promise<void> {
  const { lower, upper } = paths;
  const [only] = lower;
  if (upper === undefined && lower.length === 1 && only !== undefined) {
    await bind({ source: only, target, readOnly: true, usernsFd });
  } else {
    if (more.includes("volatile")) await forgetVolatile(paths);
    const options = { ...overlayDefaults, ...parseOverlayOptions(more) };
    await mountOverlay({ lower, upper, target, options, usernsFd });
  }
}

/** How ids are mapped, where it is tried out whether they can be, and what overlayfs is told beside. */
export interface MappedMount {
  /** A pinned user namespace with the snapshot's mappings. Default: one is made for the moment. */
  readonly userns: string | undefined;
  /** A trusted directory on the file system of the layers. */
  readonly probeDir: string;
  /** As `name` or `name=value`. */
  readonly overlay?: readonly string[];
}

/** Mounts it at an existing directory. Unimplemented when ids are to be mapped and the kernel or the file system cannot do that. */
export async function mountSnapshot(
  paths: SnapshotPaths,
  target: string,
  { userns, probeDir, overlay = [] }: MappedMount,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { idMappings } = paths;
  if (idMappings === undefined) return await mountPaths(paths, target, overlay, undefined);
  using held: HeldUserns = await openUserns(userns ?? idMappings, signal);
  try {
    await mountPaths(paths, target, overlay, held.fd);
  } catch (reason) {
    // Asked only now, since nearly all can.
    if (await idmappedMountsSupported(probeDir, signal)) throw reason;
    const why = "this kernel's overlayfs, or the file system, cannot show files with mapped owners";
    throw new StatusError(Code.Unimplemented, `mounting on "${target}" with mapped ids: ${why}`, { cause: reason });
  }
}
