import type { PodSandboxes, SandboxRecord } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

import { canBeId, checkGiven } from "../validation/sandbox-id.ts";
import { quote } from "../validation/values/invalid.ts";

/** The record of a client's id or unique prefix. InvalidArgument when empty or ambiguous, NotFound for anything that is no id of ours. */
export function getSandbox(sandboxes: PodSandboxes, id: string): SandboxRecord {
  checkGiven("pod_sandbox_id", id);
  if (!canBeId(id)) throw new StatusError(Code.NotFound, `sandbox ${quote(id)}: not found`);
  return sandboxes.get(id);
}
