import type { Image } from "@crib/core";
import { Code, hasCode } from "@crib/errdefs";
import { type ImageReference, parseReference } from "@crib/oci-spec";
import type { ImageSpec } from "@crib/wire/cri";

import type { CriDeps } from "../types.ts";
import { checkImageName } from "../validation/image-name.ts";
import { offersHandler } from "./offers-handler.ts";

/**
 * The images that a filter leaves: the one that its name means in any of its forms, and for a name without tag and digest all
 * images of that repository. A filter without a name leaves all, one for a handler that is not configured none.
 */
export function filterImages(
  { images, handlers }: Pick<CriDeps, "images" | "handlers">,
  spec: (Pick<ImageSpec, "image"> & Partial<Pick<ImageSpec, "runtimeHandler">>) | undefined,
): readonly Image[] {
  if (!offersHandler(handlers, spec?.runtimeHandler)) return [];
  if (!spec?.image) return images.list();
  const name = checkImageName(spec);
  const named = images.find(name);
  const repository = repositoryOf(name);
  return images
    .list()
    .filter(
      (image) =>
        image.id === named?.id ||
        (repository !== undefined && [...image.repoTags, ...image.repoDigests].some((each) => isOf(each, repository))),
    );
}

/** `docker.io/library/busybox` of `busybox`; undefined for anything that says more, or is no reference. */
function repositoryOf(name: string): string | undefined {
  let reference: ImageReference;
  try {
    reference = parseReference(name);
  } catch (reason) {
    if (hasCode(reason, Code.InvalidArgument)) return undefined;
    throw reason;
  }
  // A reference is given a tag where the name has none, so the name itself is looked at.
  const last = name.slice(name.lastIndexOf("/") + 1);
  return /[:@]/.test(last) ? undefined : `${reference.registry}/${reference.repository}`;
}

function isOf(name: string, repository: string): boolean {
  return name.startsWith(repository) && /^[:@][^/]+$/.test(name.slice(repository.length));
}
