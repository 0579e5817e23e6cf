import { codeName } from "@crib/errdefs";

import type { CriLog } from "../types.ts";
import { isExpected, toWireStatus, type WireStatus } from "./status.ts";

/** Writes a failed call to the log, with all its detail where it is a fault of ours, and says what the client is told. */
export function reportFailure(reason: unknown, method: string, log: CriLog): WireStatus {
  const status = toWireStatus(reason, method);
  if (isExpected(reason)) log.debug({ method, code: codeName(status.code), error: status.details }, "call failed");
  else log.error({ method, err: reason }, "call failed unexpectedly");
  return status;
}
