import type { PodIdentity } from "@crib/core/sandbox";
import type { PodSandboxMetadata } from "@crib/wire/cri";

import { invalid } from "../values/invalid.ts";
import { checkText } from "../values/text.ts";

/**
 * Wider than Kubernetes names, since other clients name pods freely. `;` and `=` separate CNI_ARGS, `/` separates
 * paths: they stay out, as do blanks and everything that is not ASCII.
 */
const name = /^[A-Za-z0-9][A-Za-z0-9._:@+-]*$/;
const form = "letters, digits and ._:@+- only, beginning with a letter or digit";

/** The pod's name, namespace, uid and attempt; each must be there. */
export function checkPodIdentity(metadata: PodSandboxMetadata | undefined): PodIdentity {
  if (!metadata) throw invalid("config.metadata", "is missing");
  const check = (field: "name" | "namespace" | "uid"): string => {
    const value = metadata[field];
    if (value === "") throw invalid(`config.metadata.${field}`, "is empty");
    return checkText(`config.metadata.${field}`, value, { maxBytes: 253, pattern: name, form });
  };
  return { name: check("name"), namespace: check("namespace"), uid: check("uid"), attempt: metadata.attempt };
}
