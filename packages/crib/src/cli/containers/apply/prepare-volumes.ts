import { execFile } from "node:child_process";
import { chmod, chown, mkdir, open, stat } from "node:fs/promises";
import { promisify } from "node:util";

import { Code, StatusError } from "@crib/errdefs";

import { volumeDirectory } from "../pods/pod-directory.ts";
import type { PodManifest, VolumeManifest } from "./pod-manifest.ts";
import { wholeUnits } from "./quantity.ts";

const run = promisify(execFile);
type HostPath = NonNullable<VolumeManifest["hostPath"]>;
type HostPathType = NonNullable<HostPath["type"]>;

/** What volumes lead to, by name: a path of the host, or an image. */
export type Volumes = ReadonlyMap<string, { readonly hostPath: string } | { readonly image: string }>;

/**
 * Checks the volumes of the host and makes those that are the pod's own, below its directory. `images` are the ids of the images that
 * volumes name. FailedPrecondition for a host path that is not what the manifest says.
 */
export async function prepareVolumes(
  { spec }: PodManifest,
  podDir: string,
  images: ReadonlyMap<string, string>,
): Promise<Volumes> {
  const prepared = new Map<string, { readonly hostPath: string } | { readonly image: string }>();
  for (const { name, hostPath, image, emptyDir } of spec.volumes ?? []) {
    if (image) prepared.set(name, { image: images.get(image.reference) ?? image.reference });
    else if (hostPath) prepared.set(name, { hostPath: await checkHostPath(name, hostPath) });
    else
      prepared.set(name, {
        hostPath: await makeOwn(volumeDirectory(podDir, name), emptyDir, spec.securityContext?.fsGroup),
      });
  }
  return prepared;
}

/** A volume that says nothing is an empty directory too, as in Kubernetes. Anybody may write there. */
async function makeOwn(path: string, emptyDir: VolumeManifest["emptyDir"], group: number | undefined): Promise<string> {
  await mkdir(path, { recursive: true, mode: 0o755 });
  if (emptyDir?.medium === "Memory") {
    const { sizeLimit } = emptyDir;
    const size = sizeLimit === undefined ? [] : [`size=${wholeUnits(String(sizeLimit))}`];
    await run("mount", ["-t", "tmpfs", "-o", ["nosuid", "nodev", ...size].join(","), "tmpfs", path]).catch(
      (reason: unknown) => {
        throw StatusError.from(reason, `making volume "${path}" in memory`);
      },
    );
  }
  if (group !== undefined) await chown(path, 0, group);
  // The mode of mkdir(2) is cut by the umask. What is made below belongs to the group too.
  await chmod(path, group === undefined ? 0o777 : 0o2777);
  return path;
}

const kinds: Readonly<Record<Exclude<HostPathType, "">, (found: Awaited<ReturnType<typeof stat>>) => boolean>> = {
  DirectoryOrCreate: (found) => found.isDirectory(),
  Directory: (found) => found.isDirectory(),
  FileOrCreate: (found) => found.isFile(),
  File: (found) => found.isFile(),
  Socket: (found) => found.isSocket(),
  CharDevice: (found) => found.isCharacterDevice(),
  BlockDevice: (found) => found.isBlockDevice(),
};

async function checkHostPath(name: string, { path, type = "" }: HostPath): Promise<string> {
  // Anything goes; the runtime makes a directory where there is nothing.
  if (type === "") return path;
  const doing = `preparing volume "${name}"`;
  try {
    if (type === "DirectoryOrCreate") await mkdir(path, { recursive: true, mode: 0o755 });
    if (type === "FileOrCreate") await (await open(path, "a", 0o644)).close();
    if (kinds[type](await stat(path))) return path;
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
  throw new StatusError(Code.FailedPrecondition, `${doing}: "${path}" is no ${type.replace("OrCreate", "")}`);
}
