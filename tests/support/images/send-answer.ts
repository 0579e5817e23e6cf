import { once } from "node:events";
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

import type { Answer, SeenRequest } from "./registry-answer.ts";

/** What a registry in good order would answer. */
export interface Truth {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Sends what a script says, or else the truth. */
export function sendAnswer(
  response: ServerResponse,
  request: SeenRequest,
  answer: Answer | undefined,
  truth: Truth,
): void {
  const right = partOf(truth, request);
  switch (answer?.kind) {
    case undefined:
      return sendWhole(response, request, right);
    case "status":
      return sendWhole(response, request, {
        status: answer.status,
        headers: answer.headers ?? {},
        body: toBuffer(answer.body),
      });
    case "body":
      return sendWhole(response, request, {
        ...right,
        headers: { ...right.headers, ...answer.headers },
        body: answer.body,
      });
    case "whole":
      return sendWhole(response, request, truth);
    case "redirect":
      return sendWhole(response, request, {
        status: answer.status ?? 307,
        headers: { location: answer.to },
        body: Buffer.alloc(0),
      });
    case "silence":
      return;
    case "late":
      setTimeout(() => sendWhole(response, request, right), answer.ms);
      return;
    case "slow":
      return void sendSlowly(response, right, answer.bytesPerSecond);
    case "endless":
      return void sendEndlessly(response, { ...right, headers: { ...right.headers, ...answer.headers } }, answer);
    case "raw":
      return void response.socket?.end(answer.bytes);
    case "reset":
    case "close":
    case "stall":
      return sendPart(response, right, answer);
  }
}

/** The part of a body that was asked for, as a registry that knows ranges gives it. */
function partOf(truth: Truth, { headers }: SeenRequest): Truth {
  const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
  if (!range || truth.status !== 200) return truth;
  const total = truth.body.length;
  const first = Number(range[1]);
  const last = range[2] ? Math.min(Number(range[2]), total - 1) : total - 1;
  if (first >= total) {
    return { status: 416, headers: { "content-range": `bytes */${total}` }, body: Buffer.alloc(0) };
  }
  return {
    status: 206,
    headers: { ...truth.headers, "content-range": `bytes ${first}-${last}/${total}` },
    body: truth.body.subarray(first, last + 1),
  };
}

function sendWhole(response: ServerResponse, { method }: SeenRequest, { status, headers, body }: Truth): void {
  response.writeHead(status, { "content-length": body.length, ...headers });
  response.end(method === "HEAD" ? undefined : body);
}

function sendPart(
  response: ServerResponse,
  { status, headers, body }: Truth,
  { kind, afterBytes }: Extract<Answer, { afterBytes: number }>,
): void {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.flushHeaders();
  const cut = (): void => {
    if (kind === "reset") response.socket?.resetAndDestroy();
    else if (kind === "close") response.socket?.end();
  };
  if (afterBytes === 0) setImmediate(cut);
  // What was written a moment ago would go with a reset.
  else response.write(body.subarray(0, afterBytes), () => setTimeout(cut, 5));
}

async function sendSlowly(
  response: ServerResponse,
  { status, headers, body }: Truth,
  bytesPerSecond: number,
): Promise<void> {
  const everyMs = 20;
  const step = Math.max(1, Math.floor((bytesPerSecond * everyMs) / 1000));
  response.writeHead(status, { ...headers, "content-length": body.length });
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step));
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  response.end();
}

async function sendEndlessly(
  response: ServerResponse,
  { headers }: Truth,
  { bytes, announced }: Extract<Answer, { kind: "endless" }>,
): Promise<void> {
  response.writeHead(200, announced ? { ...headers, "content-length": bytes } : headers);
  const chunk = Buffer.alloc(64 * 1024, " ");
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    if (response.write(chunk.subarray(0, Math.min(chunk.length, bytes - sent)))) continue;
    // Both events abort the wait of the other.
    const either = new AbortController();
    await Promise.race(["drain", "close"].map((event) => once(response, event, { signal: either.signal }))).finally(
      () => either.abort(),
    );
  }
  response.end();
}

function toBuffer(body: string | Buffer = ""): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body);
}
