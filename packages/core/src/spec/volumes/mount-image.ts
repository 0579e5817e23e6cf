import { closeSync, fstatSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { bind, openInRoot } from "@crib/linux";

import type { ContainerPlan, MountRequest } from "../../containers/types.ts";
import type { Image } from "../../images/types.ts";
import type { PreparedVolume } from "../types.ts";
import type { VolumeStoreDeps } from "./types.ts";
import { volumePlaces } from "./volume-places.ts";

/** `O_PATH` of open(2), which `fs.constants` lacks; the same on all architectures that Node runs on. */
const openPath = 0o10_000_000;

/** An image mount of a container. */
export interface ImageMount {
  readonly id: string;
  readonly plan: ContainerPlan;
  readonly mount: MountRequest;
  /** Among all mounts of the request. */
  readonly index: number;
}

/**
 * Mounts an image, or what it has at the sub path, read-only below the bundle. InvalidArgument when the request is none for an image
 * mount; NotFound for an image or sub path that is not there.
 */
export async function mountImage(
  { images, snapshots }: VolumeStoreDeps,
  { id, plan, mount, index }: ImageMount,
  signal: AbortSignal,
): Promise<PreparedVolume> {
  const { image: name = "", containerPath, imageSubPath } = mount;
  const doing = `mounting image "${name}" at "${containerPath}"`;
  checkRequest(mount, doing);
  const key = keyOf(id, index);
  // Owners look the same as in the container's own root.
  const idMappings = mount.idMappings ?? snapshots.find(plan.snapshotKey)?.idMappings;
  const request = { key, kind: "view", owner: id, ...(idMappings === undefined ? {} : { idMappings }) } as const;
  const place = join(volumePlaces(plan).images, String(index));
  try {
    const { image } = images.prepareSnapshot(name, request);
    await mkdir(place, { mode: 0o755 });
    await snapshots.materialize(key, signal);
    await snapshots.mount(key, place, signal);
    const source = imageSubPath === "" ? place : await bindSubPath(place, imageSubPath, `${place}-sub`);
    return { containerPath, source, readonly: true, image: { id: image.id, digest: digestOf(image, name) } };
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
}

/** Gives back what `mountImage` holds of the image, once it is unmounted. Idempotent. */
export async function releaseImage(
  { images, snapshots }: VolumeStoreDeps,
  id: string,
  index: number,
  signal: AbortSignal,
): Promise<void> {
  const key = keyOf(id, index);
  const layer = snapshots.find(key)?.parent;
  await snapshots.remove(key, signal);
  // Nobody but this mount kept the layers of an image that was removed; usually it is still there.
  const isKept = images.list().some(({ layers }) => layers.at(-1)?.chainId === layer);
  if (layer !== undefined && !isKept) images.collectSoon();
}

function keyOf(id: string, index: number): string {
  return `${id}-image-${index}`;
}

function checkRequest({ image, hostPath, readonly, imageSubPath }: MountRequest, doing: string): void {
  const refuse = (why: string): never => {
    throw new StatusError(Code.InvalidArgument, `${doing}: ${why}`);
  };
  if (image === "") refuse("it has no name");
  if (hostPath !== "") refuse(`host path "${hostPath}" is given, too`);
  if (!readonly) refuse("it is not asked to be read-only");
  if (imageSubPath.split("/").includes("..")) refuse(`sub path "${imageSubPath}" has ".."`);
}

/**
 * Shows a directory or file of a mounted image, whatever links the image has, at a path of its own: the runtime, which would resolve
 * the path once more, gets one that has nothing to resolve. The copy of the mount is read-only as the mount is.
 */
async function bindSubPath(place: string, subPath: string, target: string): Promise<string> {
  const fd = openSubPath(place, subPath);
  try {
    const status = fstatSync(fd);
    if (!status.isDirectory() && !status.isFile()) {
      throw new StatusError(Code.InvalidArgument, `sub path "${subPath}": neither a directory nor a file`);
    }
    if (status.isDirectory()) await mkdir(target, { mode: 0o755 });
    else await writeFile(target, "", { mode: 0o600, flag: "wx" });
    await bind({ source: `/proc/self/fd/${fd}`, target, readOnly: true });
    return target;
  } finally {
    closeSync(fd);
  }
}

function openSubPath(place: string, subPath: string): number {
  try {
    return openInRoot(place, subPath, openPath);
  } catch (reason) {
    if (!hasCode(reason, Code.NotFound)) throw reason;
    throw new StatusError(Code.NotFound, `sub path "${subPath}": the image has nothing there`, { cause: reason });
  }
}

/** The digest that the image was asked for by, else the one it was pulled by. */
function digestOf({ repoDigests, manifest, targets }: Image, name: string): string {
  const asked = targets.find((target) => name.endsWith(target));
  return asked ?? repoDigests[0]?.split("@")[1] ?? manifest;
}
