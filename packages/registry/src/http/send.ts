import {
  type Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
} from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";

import { Code } from "@crib/errdefs";

import { cancelled } from "../failures/cancelled.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import { socketFailure } from "../failures/socket-failure.ts";
import { Body, quietAfter } from "./body.ts";
import { Watchdog } from "./watchdog.ts";

/** Header fields by name; several values become several lines. */
export type Headers = Readonly<Record<string, string | readonly string[]>>;

/** One HTTP request on one connection. */
export interface SendRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Headers;
  readonly body?: string;
  readonly agent: Agent;
  /** Milliseconds until the connection stands, TLS included. */
  readonly dialTimeoutMs: number;
  /** Milliseconds without a byte: until the answer begins, and then between any two chunks. */
  readonly stallMs: number;
  /** Called when the server has been silent for a while. */
  readonly onQuiet: () => void;
}

/** An answer whose headers are there. */
export interface Answer {
  /** What was asked, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** All `WWW-Authenticate` lines. */
  readonly challenges: readonly string[];
  readonly body: Body;
}

/** How many idle connections in a row may turn out to be dead; the server had closed them meanwhile. */
const deadConnections = 16;

/**
 * Sends a request and waits for the headers of the answer, whatever its status. A kept connection that the server has
 * closed meanwhile is replaced. Fails as RequestFailure, or with the signal's error.
 */
export async function send(request: SendRequest, signal: AbortSignal): Promise<Answer> {
  try {
    for (let dead = 0; ; dead++) {
      const answer = await sendOnce(request, signal, dead < deadConnections);
      if (answer !== undefined) return answer;
    }
  } catch (reason) {
    if (signal.aborted) throw cancelled(signal);
    throw socketFailure(reason);
  }
}

/** Undefined when the connection was a kept one that was dead. */
async function sendOnce(request: SendRequest, signal: AbortSignal, mayReplace: boolean): Promise<Answer | undefined> {
  if (signal.aborted) throw cancelled(signal);
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>();
  const outgoing = begin(request);
  const fail = (text: string): void =>
    void outgoing.destroy(new RequestFailure(Code.Unavailable, text, { retry: true }));
  const onAbort = (): void => void outgoing.destroy(cancelled(signal));
  signal.addEventListener("abort", onAbort);
  const dial = setTimeout(() => fail(`no connection within ${request.dialTimeoutMs} ms`), request.dialTimeoutMs);
  const patience = new Watchdog({
    quietMs: quietAfter(request.stallMs),
    quiet: request.onQuiet,
    deadMs: request.stallMs,
    dead: () => fail(`no answer within ${request.stallMs} ms`),
  });
  whenConnected(outgoing, () => {
    clearTimeout(dial);
    patience.arm();
  });
  // These stay for the life of the request: an error event without a listener would end the process.
  outgoing.on("error", (reason: NodeJS.ErrnoException) => {
    const isDead = outgoing.reusedSocket && (reason.code === "ECONNRESET" || reason.code === "EPIPE");
    if (isDead && mayReplace && !signal.aborted) resolve(undefined);
    else reject(reason);
  });
  outgoing.on("close", () => reject(socketFailure(new Error("the connection was closed without an answer"))));
  outgoing.on("response", (message: IncomingMessage) => resolve(toAnswer(request, outgoing, message, signal)));
  outgoing.end(request.body);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    clearTimeout(dial);
    patience.stop();
  }
}

function begin({ url, method, headers, agent }: SendRequest): ClientRequest {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isTls = url.protocol === "https:";
  return (isTls ? requestHttps : requestHttp)({
    agent,
    host,
    // A name for SNI must not be an address (RFC 6066, section 3).
    ...(isTls && isIP(host) === 0 && { servername: host }),
    port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
    method,
    path: `${url.pathname}${url.search}`,
    headers: { "user-agent": "crib", ...headers },
  });
}

function whenConnected(request: ClientRequest, onConnected: () => void): void {
  request.on("socket", (socket) => {
    if (!socket.connecting && !("secureConnecting" in socket && socket.secureConnecting === true)) {
      onConnected();
      return;
    }
    socket.once("encrypted" in socket ? "secureConnect" : "connect", onConnected);
  });
}

function toAnswer(
  request: SendRequest,
  outgoing: ClientRequest,
  message: IncomingMessage,
  signal: AbortSignal,
): Answer {
  const { stallMs, onQuiet, url } = request;
  return {
    url,
    status: message.statusCode ?? 0,
    headers: message.headers,
    challenges: message.headersDistinct["www-authenticate"] ?? [],
    body: new Body(message, outgoing, { stallMs, onQuiet }, signal),
  };
}
