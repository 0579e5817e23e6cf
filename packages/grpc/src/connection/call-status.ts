import { constants, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2";

import { Code, StatusError, toCode } from "@crib/errdefs";

/** What a call without a status of its own has ended with, by the status of HTTP (gRPC's mapping). */
const byHttpStatus: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

/** The same by the code that the stream was reset with. */
const byReset: Readonly<Record<number, Code>> = {
  [constants.NGHTTP2_REFUSED_STREAM]: Code.Unavailable,
  [constants.NGHTTP2_CANCEL]: Code.Canceled,
  [constants.NGHTTP2_ENHANCE_YOUR_CALM]: Code.ResourceExhausted,
  [constants.NGHTTP2_INADEQUATE_SECURITY]: Code.PermissionDenied,
};

/** The error that headers or trailers tell; `ok` for status 0, undefined where they have none. */
export function statusOf(headers: IncomingHttpHeaders, doing: string): StatusError | "ok" | undefined {
  const status = headers["grpc-status"];
  if (typeof status !== "string") return undefined;
  if (status === "0") return "ok";
  const message = headers["grpc-message"];
  return new StatusError(toCode(Number(status)), typeof message === "string" ? decode(message) : doing);
}

/** The error of headers that cannot be the start of an answer. */
export function refusalOf(
  headers: IncomingHttpHeaders & IncomingHttpStatusHeader,
  doing: string,
): StatusError | undefined {
  const status = headers[":status"] ?? 0;
  if (status !== 200) {
    return new StatusError(byHttpStatus[status] ?? Code.Unknown, `${doing}: the server answers with HTTP ${status}`);
  }
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) return undefined;
  return new StatusError(Code.Unknown, `${doing}: the answer is "${type}", not gRPC`);
}

/** The error of a stream that ended without a status. */
export function resetError(code: number, doing: string): StatusError {
  const why = code === constants.NGHTTP2_NO_ERROR ? "it ended without a status" : `it was reset with code ${code}`;
  return new StatusError(byReset[code] ?? Code.Internal, `${doing}: ${why}`);
}

/** Percent-encoded; what is none is taken as it is. */
function decode(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
