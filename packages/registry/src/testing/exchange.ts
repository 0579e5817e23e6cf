import type { ServerResponse } from "node:http";

import type { RecordedRequest } from "./recorded-request.ts";

/** What the registry would serve for a request. */
export interface Content {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

/** A request on its way to be answered. */
export interface Exchange {
  readonly request: RecordedRequest;
  readonly response: ServerResponse;
  /** Undefined: the registry has no such thing. */
  readonly content: Content | undefined;
  /** Which request it is of those that its rule matched, from 1. */
  readonly nth: number;
}

/** Answers a request in some wrong way. */
export type Fault = (exchange: Exchange) => void | Promise<void>;

/** How an answer differs from a right one. */
export interface ServeChanges {
  /** Instead of the content's own bytes. */
  readonly bytes?: Buffer;
  /** Beside the usual ones; undefined takes one away. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Answers 200 with everything, whatever Range asks for. */
  readonly ignoresRange?: boolean;
  /** No Content-Length. */
  readonly isChunked?: boolean;
  /** Sends so many bytes of the body, then does what `stop` says. */
  readonly stopAfter?: number;
  /**
   * `reset`: the connection breaks. `stall`: nothing more comes. `close`: it ends in order, once all was sent.
   * `end`: as if that were all. Default `reset`.
   */
  readonly stop?: "reset" | "stall" | "close" | "end";
  /** Bytes of a chunk, with a pause of `chunkMs` (default 5) between two. Default: all at once. */
  readonly chunkBytes?: number;
  readonly chunkMs?: number;
}

/** Answers rightly, but for the changes. 404 without content. */
export async function serve({ request, response, content }: Exchange, changes: ServeChanges = {}): Promise<void> {
  if (content === undefined) {
    answerError(response, 404, "MANIFEST_UNKNOWN", "it is not here");
    return;
  }
  const whole = changes.bytes ?? content.bytes;
  const from = changes.ignoresRange === true ? undefined : rangeStart(request.headers.range);
  if (from !== undefined && from >= whole.length) {
    response.writeHead(416, { "content-range": `bytes */${whole.length}` }).end();
    return;
  }
  const body = whole.subarray(from ?? 0);
  const headers: Record<string, string | undefined> = {
    "content-type": content.mediaType,
    "docker-content-digest": content.digest,
    ...(changes.isChunked !== true && { "content-length": String(body.length) }),
    ...(from !== undefined && { "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` }),
    ...changes.headers,
  };
  const present = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  response.writeHead(from === undefined ? 200 : 206, Object.fromEntries(present));
  response.flushHeaders();
  await sendBody(response, body, changes);
}

/** Answers in the form of the distribution specification's "Error Codes". */
export function answerError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

function rangeStart(range: string | undefined): number | undefined {
  const start = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
  return start === undefined ? undefined : Number(start);
}

async function sendBody(response: ServerResponse, body: Buffer, changes: ServeChanges): Promise<void> {
  const { stopAfter, stop = "reset", chunkBytes = body.length || 1, chunkMs = 5 } = changes;
  const part = body.subarray(0, stopAfter ?? body.length);
  for (let at = 0; at < part.length; at += chunkBytes) {
    const chunk = part.subarray(at, at + chunkBytes);
    await new Promise<void>((resolve) => void response.write(chunk, () => resolve()));
    if (response.destroyed) return;
    if (chunkBytes < body.length) await new Promise((resolve) => setTimeout(resolve, chunkMs));
  }
  if (stopAfter === undefined || stop === "end") response.end();
  // The client must have got the bytes before the connection breaks, or it is as if they were never sent.
  else if (stop === "close") response.socket?.end();
  else if (stop === "reset") setTimeout(() => response.socket?.resetAndDestroy(), 5);
}
