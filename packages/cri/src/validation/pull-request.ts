import type { PullRequest } from "@crib/core";
import { Code, StatusError } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";
import type { AuthConfig, ImageSpec } from "@crib/wire/cri";

import type { RuntimeHandlers } from "../types.ts";
import { checkImageName } from "./image-name.ts";
import { findHandler } from "./runtime-handler.ts";

/**
 * What a client asks to be pulled. InvalidArgument for a name that is no reference, a handler that is not configured, and
 * credentials that cannot be read or are for another registry; the message never has any of them.
 */
export function toPullRequest(
  handlers: RuntimeHandlers,
  image: Pick<ImageSpec, "image" | "runtimeHandler"> | undefined,
  auth: AuthConfig | undefined,
): PullRequest {
  const reference = parseReference(checkImageName(image));
  const runtimeHandler = image?.runtimeHandler ?? "";
  if (runtimeHandler !== "") findHandler(handlers, runtimeHandler);
  if (
    auth &&
    Object.values(auth).some((value) => typeof value === "string" && value !== "" && !value.startsWith("runtime.v1."))
  ) {
    throw new StatusError(Code.Unimplemented, "PullImage: this version of crib pulls without credentials only");
  }
  return { reference, runtimeHandler };
}
