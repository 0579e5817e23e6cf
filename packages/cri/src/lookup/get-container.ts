import type { ContainerRecord, Containers } from "@crib/core/containers";
import { Code, StatusError } from "@crib/errdefs";

import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import { quote } from "../validation/values/invalid.ts";

/** The record of a client's id or unique prefix. InvalidArgument when empty or ambiguous, NotFound for anything that is no id of ours. */
export function getContainer(containers: Containers, id: string): ContainerRecord {
  checkGiven("container_id", id);
  if (!canBeId(id)) throw new StatusError(Code.NotFound, `container ${quote(id)}: not found`);
  return containers.get(id);
}
