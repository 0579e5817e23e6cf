import { posix } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { ImageConfig } from "@crib/oci-spec";

import type { MountRequest } from "../../containers/types.ts";

/** Each gets a directory and a mount. Real images declare a handful. */
const maximumVolumes = 128;

/**
 * The volumes that an image declares and the request does not mount, as paths in their only spelling, sorted. What images declare is
 * hostile: `..` leads no further than their own root. InvalidArgument for the root itself, a NUL, and too many.
 */
export function declaredVolumes(image: ImageConfig, mounts: readonly MountRequest[]): readonly string[] {
  const mounted = new Set(mounts.map(({ containerPath }) => clean(containerPath)));
  const paths = [...new Set(image.volumes.map(clean))].filter((path) => !mounted.has(path)).toSorted();
  const refuse = (why: string): never => {
    throw new StatusError(Code.InvalidArgument, `making volumes that the image declares: ${why}`);
  };
  if (paths.length > maximumVolumes) refuse(`they are ${paths.length}, more than ${maximumVolumes}`);
  if (paths.includes("/")) refuse('one is "/"');
  if (paths.some((path) => path.includes("\0"))) refuse("one has a NUL");
  return paths;
}

/** Relative paths, which some images have, count from the root. */
function clean(path: string): string {
  return posix.normalize(`/${path}`).replace(/(?<=.)\/+$/, "");
}
