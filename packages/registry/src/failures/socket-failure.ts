import { Code } from "@crib/errdefs";

import { RequestFailure } from "./request-failure.ts";
import { showText } from "./show-text.ts";

/** What may be different at the next try: the network, the name service, a server that restarts. */
const passing = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "EADDRNOTAVAIL",
  "EAI_AGAIN",
  "ENOTFOUND",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
]);

/**
 * Classifies an error of a socket, of TLS or of the HTTP parser. Unavailable, except for answers that are no HTTP
 * (InvalidArgument) or whose headers are too large (ResourceExhausted). Bytes of the answer are not repeated.
 */
export function socketFailure(reason: unknown): RequestFailure {
  if (reason instanceof RequestFailure) return reason;
  const error = reason as NodeJS.ErrnoException;
  const code = typeof error.code === "string" ? error.code : "";
  if (code === "HPE_HEADER_OVERFLOW") {
    return new RequestFailure(Code.ResourceExhausted, "the answer's headers are too large", { retry: false });
  }
  if (code.startsWith("HPE_")) {
    // Middleboxes and servers that die write half an answer; a second try is cheap.
    return new RequestFailure(Code.InvalidArgument, `the answer is not HTTP (${code})`, { retry: true });
  }
  return new RequestFailure(Code.Unavailable, describe(error, code), { cause: reason, retry: passing.has(code) });
}

function describe(error: Error, code: string): string {
  // Attempts at several addresses end in an AggregateError without a message.
  const texts = error instanceof AggregateError ? error.errors.map((each: unknown) => String(each)) : [error.message];
  const text = showText(texts.filter((each) => each !== "").join(", "));
  if (text === "") return code === "" ? "the connection failed" : code;
  return code === "" || text.includes(code) ? text : `${text} (${code})`;
}

/** Whether the error says that the other side does not speak TLS at all, as a plain HTTP server on that port. */
export function speaksNoTls(reason: unknown): boolean {
  const { cause } = reason as Error;
  const error = (cause instanceof Error ? cause : reason) as NodeJS.ErrnoException;
  if (error.code === "EPROTO" || error.code?.startsWith("ERR_SSL_") === true) return true;
  return error.code === "ECONNRESET" && error.message.includes("before secure TLS connection was established");
}
