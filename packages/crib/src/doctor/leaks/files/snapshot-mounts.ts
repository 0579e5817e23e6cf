import { realpath } from "node:fs/promises";
import { join, relative } from "node:path";

import type { Mount } from "@crib/linux";

import type { SnapshotRow } from "../images/read-image-rows.ts";
import type { LeakContext } from "../types.ts";

/** A mount that snapshots are part of. */
export interface SnapshotMount {
  readonly mount: Mount;
  /** Names of the snapshots' directories that it shows. */
  readonly dirs: readonly string[];
}

/** The mounts, wherever they are, that show snapshots of this daemon: overlays of them, and binds of one. */
export async function listSnapshotMounts(root: string, mounts: readonly Mount[]): Promise<readonly SnapshotMount[]> {
  const base = await realpath(join(root, "snapshots")).catch(() => undefined);
  if (base === undefined) return [];
  const inMounts = pathInFileSystem(base, mounts);
  return mounts
    .map((mount) => ({ mount, dirs: [...overlaid(mount, base), ...bound(mount, inMounts)] }))
    .filter(({ dirs }) => dirs.length > 0);
}

/** Whether a pod that may have files still owns one of the snapshots that a mount shows, or a view of one. */
export function isOwned({ dirs }: SnapshotMount, snapshots: readonly SnapshotRow[], { unheld }: LeakContext): boolean {
  const shown = snapshots.filter(({ dir }) => dirs.includes(dir));
  const keys = new Set(shown.map(({ key }) => key));
  return snapshots.some(
    ({ key, kind, parent, owner }) =>
      kind !== "layer" &&
      owner !== undefined &&
      unheld(owner, "files") === undefined &&
      // A view has no directory of its own in the mount: it is known by the layer that it shows.
      (keys.has(key) || (kind === "view" && parent !== undefined && keys.has(parent))),
  );
}

function overlaid({ type, superOptions }: Mount, base: string): readonly string[] {
  if (type !== "overlay") return [];
  return superOptions
    .flatMap((option) => /^(?:lowerdir\+?|upperdir)=(.*)$/.exec(option)?.[1]?.split(":") ?? [])
    .flatMap((path) => dirOf(path, base));
}

interface Place {
  readonly device: string;
  readonly path: string;
}

/** Where a directory lies in the file system that holds it, as mountinfo tells the root of a bind mount. */
function pathInFileSystem(path: string, mounts: readonly Mount[]): Place | undefined {
  const holding = mounts
    .filter(({ mountPoint }) => path === mountPoint || path.startsWith(mountPoint === "/" ? "/" : `${mountPoint}/`))
    .toSorted((a, b) => b.mountPoint.length - a.mountPoint.length || b.id - a.id)[0];
  return holding && { device: holding.device, path: join(holding.root, relative(holding.mountPoint, path)) };
}

function bound({ device, root }: Mount, place: Place | undefined): readonly string[] {
  return place && device === place.device ? dirOf(root, place.path) : [];
}

function dirOf(path: string, base: string): readonly string[] {
  if (!path.startsWith(`${base}/`)) return [];
  const [dir] = path.slice(base.length + 1).split("/");
  return dir !== undefined && dir !== "" ? [dir] : [];
}
