import { gzipSync } from "node:zlib";

import { type Exchange, type Fault, serve, type ServeChanges } from "./exchange.ts";

/** Answers this status. */
export function status(code: number, headers: Readonly<Record<string, string>> = {}, body = ""): Fault {
  return ({ response }) => void response.writeHead(code, headers).end(body);
}

/** Answers rightly, but for the changes; those may depend on which request it is. */
export function serveWith(changes: ServeChanges | ((exchange: Exchange) => ServeChanges)): Fault {
  return async (exchange) => serve(exchange, typeof changes === "function" ? changes(exchange) : changes);
}

/** Closes the connection without an answer. */
export const hangUp: Fault = ({ response }) => void response.socket?.resetAndDestroy();

/** Never answers. */
export const silence: Fault = () => undefined;

/** Sends these bytes as they are, and closes the connection. */
export function rawAnswer(bytes: string): Fault {
  return ({ response }) => void response.socket?.end(bytes);
}

/** Leads elsewhere: to a URL, or to the same path and query on an origin. */
export function redirect(to: string | ((exchange: Exchange) => string), code = 307): Fault {
  return (exchange) => {
    const location = typeof to === "string" ? to : to(exchange);
    exchange.response.writeHead(code, { location }).end();
  };
}

/** Leads to another path of the same registry. */
export function redirectTo(origin: string, suffix = ""): Fault {
  return redirect(({ request }) => `${origin}${request.path}${suffix}`);
}

/** Serves other bytes of the same length. */
export const flipped: Fault = serveWith(({ content }) => ({ bytes: flip(content?.bytes ?? Buffer.alloc(1)) }));

/** Serves the content packed by gzip, with the header that says so. */
export const gzipped: Fault = serveWith(({ content }) => ({
  bytes: gzipSync(content?.bytes ?? Buffer.alloc(0)),
  headers: { "content-encoding": "gzip" },
}));

/** The same bytes but for one in the middle. */
export function flip(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = copy.length >> 1;
  copy[middle] = (copy[middle] ?? 0) ^ 0x01;
  return copy;
}
