import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** A client that asks to leave HTTP: its request, its connection, and what it already sent behind the request. */
export interface ClientRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** The values of a header that may be given several times or as a list. */
export function listHeader(request: IncomingMessage, name: string): readonly string[] {
  const value = request.headers[name];
  const values = Array.isArray(value) ? value : [value ?? ""];
  return values
    .join(",")
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
