import { Code, hasCode, StatusError } from "@crib/errdefs";
import { formatReference, type ImageReference } from "@crib/oci-spec";

import { badArchive, checkNames, type ResolvedImage } from "./resolve-image.ts";
import type { ArchivedImage } from "./types.ts";

/** Images under their manifests' digests; one that occurs under several names is one image with these names. */
export class CollectedImages {
  readonly #images = new Map<string, ArchivedImage>();
  #elsewhere: unknown;

  /** Adds the image that `resolve` gives; one for other platforms only is passed over. */
  async add(names: readonly ImageReference[], resolve: () => Promise<ResolvedImage>): Promise<void> {
    let image: ResolvedImage;
    try {
      image = await resolve();
    } catch (error) {
      if (!hasCode(error, Code.NotFound)) throw error;
      this.#elsewhere ??= error;
      return;
    }
    const before = this.#images.get(image.manifestDigest);
    const references = new Map(
      [...(before?.references ?? []), ...checkNames(names, image.targets)].map((name) => [formatReference(name), name]),
    );
    const targets = [...new Set([...image.targets.slice(0, -1), ...(before?.targets ?? [image.manifestDigest])])];
    this.#images.set(image.manifestDigest, { ...image, references: [...references.values()], targets });
  }

  /** All images. NotFound when there were some, but for other platforms; InvalidArgument when there were none. */
  finish(): readonly ArchivedImage[] {
    const images = [...this.#images.values()];
    if (images.length > 0) return images;
    throw this.#elsewhere === undefined ? badArchive("it has no images") : StatusError.from(this.#elsewhere);
  }
}
