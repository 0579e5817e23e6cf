import type { MountRequest } from "@crib/core/containers";
import { type IDMapping, type Mount, MountPropagation } from "@crib/wire/cri";

import { checkImageName } from "../image-name.ts";
import { checkMountPath } from "../values/absolute-path.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";

const maxMounts = 4_096;
/** Lines that the kernel takes in a map of user ids (user_namespaces(7)). */
const maxMappings = 340;
const idSpace = 2 ** 32;

const propagations: ReadonlyMap<number, MountRequest["propagation"]> = new Map([
  [MountPropagation.PROPAGATION_PRIVATE, "private"],
  [MountPropagation.PROPAGATION_HOST_TO_CONTAINER, "host-to-container"],
  [MountPropagation.PROPAGATION_BIDIRECTIONAL, "bidirectional"],
]);

/** The mounts of a container. Recursive read-only ones need a runtime handler that has them. */
export function checkMounts(
  mounts: readonly Mount[],
  handler: { readonly recursiveReadOnlyMounts: boolean },
): MountRequest[] {
  checkCount("config.mounts", mounts.length, maxMounts);
  return mounts.map((mount, index) => checkMount(`config.mounts[${index}]`, mount, handler));
}

function checkMount(field: string, mount: Mount, handler: { readonly recursiveReadOnlyMounts: boolean }): MountRequest {
  const containerPath = checkMountPath(`${field}.container_path`, mount.containerPath);
  if (containerPath === "/") throw invalid(`${field}.container_path`, `"/" is the container's root`);
  const propagation = propagations.get(mount.propagation);
  if (!propagation) throw invalid(`${field}.propagation`, `${mount.propagation as number} is no known propagation`);
  checkRecursiveReadOnly(field, mount, propagation, handler.recursiveReadOnlyMounts);
  const idMappings = checkIdMappings(field, mount);
  return {
    containerPath,
    ...checkSource(field, mount, propagation),
    readonly: mount.readonly,
    recursiveReadOnly: mount.recursiveReadOnly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation,
    ...(idMappings && { idMappings }),
  };
}

function checkRecursiveReadOnly(
  field: string,
  mount: Mount,
  propagation: MountRequest["propagation"],
  offered: boolean,
): void {
  if (!mount.recursiveReadOnly) return;
  const name = `${field}.recursive_read_only`;
  if (!mount.readonly) throw invalid(name, "needs readonly");
  if (propagation !== "private") throw invalid(name, `needs private propagation, not ${propagation}`);
  if (!offered) throw invalid(name, "the runtime handler has no recursive read-only mounts");
}

/** A path of the host, or an image and a path in it; exactly one of both. */
function checkSource(
  field: string,
  { image, imageSubPath, hostPath, readonly }: Mount,
  propagation: MountRequest["propagation"],
): Pick<MountRequest, "hostPath" | "image" | "imageSubPath"> {
  if (!image?.image) {
    if (image && hostPath === "") throw invalid(`${field}.image.image`, "is empty");
    if (imageSubPath !== "") throw invalid(`${field}.image_sub_path`, "is given without image");
    return { hostPath: checkMountPath(`${field}.host_path`, hostPath), imageSubPath: "" };
  }
  if (hostPath !== "") throw invalid(`${field}.host_path`, `${quote(hostPath)} is given besides image`);
  if (!readonly) throw invalid(`${field}.readonly`, "is false; images are mounted read-only");
  if (propagation !== "private") throw invalid(`${field}.propagation`, `${propagation} is not for images`);
  return {
    hostPath: "",
    image: checkImageName(image, `${field}.image`),
    imageSubPath: checkSubPath(`${field}.image_sub_path`, imageSubPath),
  };
}

function checkSubPath(field: string, value: string): string {
  if (value === "") return "";
  checkText(field, value, { maxBytes: 4_095 });
  if (value.startsWith("/")) throw invalid(field, `${quote(value)} is not relative to the image's root`);
  if (value.split("/").includes("..")) throw invalid(field, `${quote(value)} has a ".." component`);
  return value;
}

function checkIdMappings(field: string, { uidMappings, gidMappings }: Mount): MountRequest["idMappings"] {
  if (uidMappings.length === 0 && gidMappings.length === 0) return undefined;
  if (uidMappings.length === 0) throw invalid(`${field}.uidMappings`, "is empty where gidMappings is not");
  if (gidMappings.length === 0) throw invalid(`${field}.gidMappings`, "is empty where uidMappings is not");
  return {
    uids: checkRanges(`${field}.uidMappings`, uidMappings),
    gids: checkRanges(`${field}.gidMappings`, gidMappings),
  };
}

function checkRanges(
  field: string,
  mappings: readonly IDMapping[],
): { readonly containerId: number; readonly hostId: number; readonly length: number }[] {
  checkCount(field, mappings.length, maxMappings);
  return mappings.map(({ containerId, hostId, length }, index) => {
    if (length === 0) throw invalid(`${field}[${index}].length`, "is 0");
    // The last id, 2^32 - 1, means "none" to the kernel and cannot be mapped.
    if (hostId + length >= idSpace || containerId + length >= idSpace) {
      throw invalid(`${field}[${index}]`, `ids ${containerId} to ${hostId}, ${length} of them, go beyond 2^32 - 2`);
    }
    return { containerId, hostId, length };
  });
}
