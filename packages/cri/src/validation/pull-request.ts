import type { PullRequest } from "@crib/core";
import { parseReference } from "@crib/oci-spec";
import { parseAuthConfig } from "@crib/registry";
import type { AuthConfig, ImageSpec } from "@crib/wire/cri";

import { offersHandler } from "../lookup/offers-handler.ts";
import type { RuntimeHandlers } from "../types.ts";
import { checkImageName } from "./image-name.ts";
import { findHandler } from "./runtime-handler.ts";

/**
 * What a client asks to be pulled. Credentials for another registry are as good as none. InvalidArgument for a name that is
 * no reference, a handler that is not configured, and credentials that cannot be read; the message never has any of them.
 */
export function toPullRequest(
  handlers: RuntimeHandlers,
  image: Pick<ImageSpec, "image" | "runtimeHandler"> | undefined,
  auth: AuthConfig | undefined,
): PullRequest {
  const reference = parseReference(checkImageName(image));
  const runtimeHandler = image?.runtimeHandler ?? "";
  // One that cannot run pods at present may well have its images pulled.
  if (!offersHandler(handlers, runtimeHandler)) findHandler(handlers, runtimeHandler);
  const credentials = auth && parseAuthConfig(auth, reference.registry);
  return { reference, runtimeHandler, ...(credentials && { credentials }) };
}
