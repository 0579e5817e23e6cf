import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

/** A request as a `FaultyRegistry` got it. */
export interface RecordedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Of POST requests. */
  readonly body: string;
  /** Port of the client: equal ones came over one connection. */
  readonly clientPort: number;
}

/** Reads a request to its end. */
export async function recordRequest(request: IncomingMessage): Promise<RecordedRequest> {
  const url = new URL(request.url ?? "/", "http://registry");
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return {
    method: request.method ?? "",
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    body,
    clientPort: request.socket.remotePort ?? 0,
  };
}
