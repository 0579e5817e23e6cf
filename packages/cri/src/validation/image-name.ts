import type { ImageSpec } from "@crib/wire/cri";

import { invalid } from "./values/invalid.ts";
import { checkText } from "./values/text.ts";

/** The reference or id that an image is asked for by; InvalidArgument when there is none. */
export function checkImageName(image: Pick<ImageSpec, "image"> | undefined, field = "image"): string {
  if (!image?.image) throw invalid(field, "is missing");
  return checkText(`${field}.image`, image.image, { maxBytes: 4_096 });
}
