import { Code, StatusError } from "@crib/errdefs";
import type { ImageSpec } from "@crib/wire/cri";

/** What CRI-O and containerd mark images with that were made of a checkpoint. */
const checkpointAnnotations = ["org.criu.checkpoint.container.name", "io.kubernetes.cri-o.annotations.checkpoint.name"];

/**
 * Refuses to make a container from a checkpoint (InvalidArgument): from an archive, which other runtimes take by its path, or from an image that
 * says it is one. An archive would bring its own mounts, devices and security settings.
 */
export function refuseRestore(image: Pick<ImageSpec, "image" | "annotations"> | undefined): void {
  const name = image?.image ?? "";
  const isMarked = checkpointAnnotations.some((key) => Object.hasOwn(image?.annotations ?? {}, key));
  if (!name.startsWith("/") && !isMarked) return;
  throw new StatusError(
    Code.InvalidArgument,
    `invalid config.image: ${JSON.stringify(name)} is a checkpoint, and containers are not restored from checkpoints`,
  );
}
