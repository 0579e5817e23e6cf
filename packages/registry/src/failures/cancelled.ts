import { Code, StatusError } from "@crib/errdefs";

/**
 * The error of an aborted signal: DeadlineExceeded for a timeout, the reason's own code where it has one, else Canceled.
 * `doing` goes before the reason; without it the caller is to say what was being done.
 */
export function cancelled(signal: AbortSignal, doing?: string): StatusError {
  const error = StatusError.from(signal.reason, doing);
  if (error.code !== Code.Unknown) return error;
  return new StatusError(Code.Canceled, error.message, { cause: signal.reason });
}
