import { Code, type StatusError } from "@crib/errdefs";

/** What HTTP/2 and sockets say of a peer that is not there, or goes in the middle of a call. */
const brokenPattern =
  /\b(?:ECONNRESET|ECONNREFUSED|EPIPE|ENOENT|EACCES|ENOTSOCK)\b|broken pipe|connection (?:dropped|reset)|no connection established|RST_STREAM/i;

/** What is said where no connection came to be. */
const unsentPattern = /\bconnect (?:ECONNREFUSED|ENOENT|EACCES|ENOTSOCK)\b/;

const doubtfulCodes: ReadonlySet<Code> = new Set([Code.Internal, Code.Unknown]);
/** A call that nobody here has given up is Canceled by a peer that ends. */
const goingCodes: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.Canceled]);

/** Whether a failed call says of its peer that it is not there, or went away before it answered. */
export function isConnectionError(error: StatusError): boolean {
  return error.code === Code.Unavailable && brokenPattern.test(error.message);
}

/** Whether nothing of a call can have reached anybody: there was no connection. */
export function wasNeverSent(error: StatusError): boolean {
  return error.code === Code.Unavailable && unsentPattern.test(error.message);
}

/** Whether it may be that: gRPC libraries do not agree on the code, and peers send such words of what stands behind them. */
export function mayBeConnectionError(error: StatusError): boolean {
  return goingCodes.has(error.code) || (doubtfulCodes.has(error.code) && brokenPattern.test(error.message));
}

/** Why a peer cannot be reached, in words for whoever has to mend it. */
export function sayUnreachable({ message }: StatusError): string {
  if (message.includes("ENOENT")) return "its socket does not exist";
  if (message.includes("ECONNREFUSED")) return "nobody listens at its socket";
  if (message.includes("EACCES")) return "no permission to connect to its socket";
  if (message.includes("ENOTSOCK")) return "what is at its address is no socket";
  return brokenPattern.test(message) ? "it closed the connection" : message;
}
