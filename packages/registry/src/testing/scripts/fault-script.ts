import type { Code } from "@crib/errdefs";

import type { FaultyRegistry, ServedImage } from "../faulty-registry.ts";

/** What a script plays on. */
export interface Stage {
  /** Serves the image; what is pulled from. */
  readonly registry: FaultyRegistry;
  /** Another origin, to which no credentials may ever get. */
  readonly other: FaultyRegistry;
  /** Its tag is pulled; its first layer is where scripts make their mistakes. */
  readonly image: ServedImage;
}

/** One way in which a registry fails a pull of one image. */
export interface FaultScript {
  readonly name: string;
  /** How the pull ends: with the right image, or with an error of this code. */
  readonly ends: "pulled" | Code;
  /** Set where it takes until the client loses its patience (`stallMs`), or longer than a second otherwise. */
  readonly isSlow?: true;
  readonly prepare: (stage: Stage) => void;
}

/** Path of the tag's manifest. */
export function manifestPath({ image }: Stage): string {
  return `/v2/${image.repository}/manifests/${image.tag}`;
}

/** Path of the first layer. */
export function layerPath({ image }: Stage): string {
  return `/v2/${image.repository}/blobs/${image.layers[0]?.digest ?? ""}`;
}
