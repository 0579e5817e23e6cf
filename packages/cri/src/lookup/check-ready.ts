import { isReady, type SandboxRecord } from "@crib/core/sandbox";
import { Code, StatusError } from "@crib/errdefs";

/** FailedPrecondition when a pod cannot be used, with why where that is not its own end. */
export function checkReady(sandbox: SandboxRecord): void {
  if (isReady(sandbox)) return;
  const { id, unreachable } = sandbox;
  const why = unreachable === undefined ? "not ready" : `not ready: ${unreachable.reason}`;
  throw new StatusError(Code.FailedPrecondition, `sandbox "${id}": ${why}`);
}
