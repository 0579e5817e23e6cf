import type { ContainerMetadata } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";
import { checkText } from "../values/text.ts";

/** As wide as names of pods, and for the same reasons. */
const name = /^[A-Za-z0-9][A-Za-z0-9._:@+-]*$/;
const form = "letters, digits and ._:@+- only, beginning with a letter or digit";

/** The container's name in its pod, and which attempt it is. */
export function checkContainerIdentity(metadata: ContainerMetadata | undefined): { name: string; attempt: number } {
  if (!metadata) throw invalid("config.metadata", "is missing");
  if (metadata.name === "") throw invalid("config.metadata.name", "is empty");
  return {
    name: checkText("config.metadata.name", metadata.name, { maxBytes: 253, pattern: name, form }),
    attempt: metadata.attempt,
  };
}
