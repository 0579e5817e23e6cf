import { isAbsolute, join, normalize } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import type { ContainerPlan } from "../../containers/types.ts";

/** Where volumes of a container lie. */
export interface VolumePlaces {
  /** Images are mounted below; in the bundle, since they do not outlast a boot. */
  readonly images: string;
  /** Directories for volumes that the image declares. */
  readonly declared: string;
}

/** The directories that `prepare` fills and `release` empties, both named after nothing but the plan. */
export function volumePlaces({ bundleDir, rootDir }: ContainerPlan): VolumePlaces {
  for (const path of [bundleDir, rootDir]) {
    // They are unmounted and removed: a path that means another one than it says must not get there.
    if (isAbsolute(path) && normalize(path) === path && path !== "/") continue;
    throw new StatusError(Code.Internal, `placing volumes: "${path}" is no plain absolute path`);
  }
  return { images: join(bundleDir, "volumes"), declared: join(rootDir, "volumes") };
}
