import type { Mount } from "@crib/oci-spec";

import { selinuxLabels } from "../process/selinux-labels.ts";
import type { PreparedVolume, SpecInput, SpecMounts } from "../types.ts";
import { cleanContainerPath } from "./container-path.ts";
import { defaultMounts } from "./default-mounts.ts";
import { inMountingOrder, withoutReplaced } from "./mount-order.ts";
import { checkMountPoints } from "./mount-points.ts";
import { podFileNames, podFiles } from "./pod-files.ts";
import { relabel } from "./relabel.ts";
import { requestedMounts } from "./requested-mount.ts";

/**
 * All mounts of a container: the usual file systems, the pod's files, what the request mounts, which takes the place of both, and the
 * volumes of the image, which take no place of any. Makes directories of the host that the request mounts and that are missing.
 * InvalidArgument for a mount that cannot be; FailedPrecondition for propagation that the source does not have.
 */
export async function containerMounts(input: SpecInput): Promise<SpecMounts> {
  const { mounts } = input.plan;
  const [defaults, files, requested] = await Promise.all([
    defaultMounts(input),
    podFiles(input),
    requestedMounts(input),
    checkMountPoints(input.rootfs),
  ]);
  const wanted = requested.map(({ mount }) => mount);
  const asked = wanted.filter(
    (_, index) => mounts[index]?.selinuxRelabel === true && mounts[index].image === undefined,
  );
  const standard = withoutReplaced([...withoutReplaced(defaults, files), ...files], wanted);
  const own = [...standard, ...wanted];
  const standardFiles = files.filter((file) => standard.includes(file));
  const volumes = withoutReplaced(input.volumes.filter(({ image }) => image === undefined).map(volumeMount), own);
  await relabelAll(input, [...standardFiles, ...asked, ...volumes]);
  const propagations = requested.map(({ rootfsPropagation }) => rootfsPropagation);
  const rootfsPropagation = (["shared", "slave"] as const).find((kind) => propagations.includes(kind));
  return {
    mounts: inMountingOrder([...own, ...volumes]),
    ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
  };
}

/**
 * What is to bear the container's label does. What somebody mounts in the place of a file of the pod never does, since it may be the host's own
 * (CVE-2021-43816); nor does the host's shared memory.
 */
async function relabelAll(input: SpecInput, mounts: readonly Mount[]): Promise<void> {
  const label = selinuxLabels(input)?.mount;
  if (label === undefined) return;
  const { rootDir, hostIpc, shmPath } = input.sandbox.plan;
  const isKept = ({ destination, source = "" }: Mount): boolean =>
    (podFileNames.has(destination) && !source.startsWith(`${rootDir}/`)) || (hostIpc && source === shmPath);
  await Promise.all(mounts.filter((mount) => !isKept(mount)).map(({ source = "" }) => relabel(source, label)));
}

function volumeMount({ containerPath, source, readonly }: PreparedVolume): Mount {
  const destination = cleanContainerPath(containerPath, "mounting a volume of the image");
  return { destination, type: "bind", source, options: ["rbind", "rprivate", readonly ? "ro" : "rw"] };
}
