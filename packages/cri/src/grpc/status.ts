import { Code, StatusError } from "@crib/errdefs";
import { wireStatus } from "@crib/grpc";

/** What a client is told of a failure. */
export interface WireStatus {
  readonly code: Code;
  readonly details: string;
}

/** Whether an error was meant for the client: ours, an abort, or one of the operating system. Anything else is a fault of ours. */
export function isExpected(reason: unknown): boolean {
  return StatusError.from(reason).code !== Code.Unknown || (reason instanceof Error && reason.name === "StatusError");
}

/**
 * The status for an error: code and message of those that are meant for the client, Internal without any detail for
 * the rest, whose text may say what is nobody's business.
 */
export function toWireStatus(reason: unknown, method: string): WireStatus {
  if (!isExpected(reason)) {
    return { code: Code.Internal, details: `${method} failed unexpectedly; the log of crib says more` };
  }
  return wireStatus(reason);
}
