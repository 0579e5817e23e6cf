import { type Code, StatusError } from "@crib/errdefs";

/** Bytes of a status message. It travels in an HTTP/2 trailer, percent-encoded; clients refuse trailers of 8 KiB and more. */
const maxMessageLength = 2_000;

/** The status that a client is sent for anything thrown: code and message of a `StatusError`, an abort or an error of the system, else Unknown. */
export function wireStatus(reason: unknown): { readonly code: Code; readonly details: string } {
  const { code, message } = StatusError.from(reason);
  const details = message.length > maxMessageLength ? `${message.slice(0, maxMessageLength)}...` : message;
  // grpc-js encodes the message by encodeURI, which throws on half a surrogate pair.
  return { code, details: details.toWellFormed() };
}
