import { Code, StatusError } from "@crib/errdefs";

import { checkGiven } from "../validation/sandbox-id.ts";
import { quote } from "../validation/values/invalid.ts";

/** What is said of any container's id, until there are containers. Fails with InvalidArgument on an empty one. */
export function containerNotFound(id: string): StatusError {
  checkGiven("container_id", id);
  return new StatusError(Code.NotFound, `container ${quote(id)}: not found`);
}
