import { inspect } from "node:util";

import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, codeName, StatusError, toCode } from "@crib/errdefs";

import type { RpcStatus } from "./envelope.ts";

/** The status that the other side ended a call with, message unchanged. */
export class RemoteError extends StatusError {
  static {
    this.prototype.name = "RemoteError";
  }

  /** Further messages that the server attached, to be read with `anyUnpack`. Often empty. */
  readonly details: readonly Any[];

  constructor(status: RpcStatus) {
    const code = toCode(status.code);
    super(code, status.message === "" ? codeName(code) : status.message, { cause: status });
    this.details = status.details;
  }
}

/** The status to send for what a handler threw: its numeric gRPC `code` and its `details`, else `Unknown`. */
export function statusOf(reason: unknown): RpcStatus {
  if (!(reason instanceof Error)) {
    const message = typeof reason === "string" ? reason : `thrown: ${inspect(reason)}`;
    return { code: Code.Unknown, message, details: [] };
  }
  const { code, message, details } = reason as Error & Readonly<Record<"code" | "message" | "details", unknown>>;
  const known = typeof code === "number" && toCode(code) === code && code !== Code.OK;
  return {
    code: known ? code : Code.Unknown,
    // Anything can be thrown, also an error whose message is no text.
    message: typeof message === "string" ? message : inspect(message),
    details: Array.isArray(details) ? details.filter(isAny) : [],
  };
}

function isAny(detail: unknown): detail is Any {
  const any = detail as Partial<Any> | null | undefined;
  return typeof any?.typeUrl === "string" && any.value instanceof Uint8Array;
}
