import { Code, StatusError } from "@crib/errdefs";

/** The error of an aborted signal: DeadlineExceeded for a timeout, the reason's own code where it has one, else Canceled. */
export function cancelled(signal: AbortSignal): StatusError {
  const error = StatusError.from(signal.reason);
  return error.code === Code.Unknown ? new StatusError(Code.Canceled, error.message, { cause: signal.reason }) : error;
}
