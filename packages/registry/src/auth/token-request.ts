import { Code } from "@crib/errdefs";
import * as z from "zod";

import { RequestFailure } from "../failures/request-failure.ts";
import type { Headers } from "../http/send.ts";
import type { Credentials } from "../types.ts";
import { basicHeader } from "./basic.ts";
import type { Realm } from "./realm.ts";

/** What a token is asked for. */
export interface TokenRequest {
  readonly realm: Realm;
  readonly service: string | undefined;
  readonly scope: string;
  /** Undefined: anonymous. Not sent to a realm that is not trusted. */
  readonly credentials: Credentials | undefined;
}

/** An access token and how long it lasts. */
export interface Token {
  readonly value: string;
  readonly lifeMs: number;
}

/** Sends to the token server; gives the body, at most `limitBytes`, of an answer whose status is 200. Fails as RequestFailure. */
export type TokenTransport = (
  request: {
    readonly url: URL;
    readonly method: "GET" | "POST";
    readonly headers: Headers;
    readonly body?: string;
    readonly limitBytes: number;
  },
  signal: AbortSignal,
) => Promise<string>;

const limitBytes = 64 << 10;
/** What a token lasts whose server does not say (distribution's "Token Authentication Specification"). */
const defaultLifeSeconds = 60;
const longestLifeSeconds = 3_600;

const tokenDocument = z.object({
  token: z.string().nullish(),
  access_token: z.string().nullish(),
  expires_in: z.number().nullish().catch(undefined),
});

/**
 * Asks a token server: by GET with basic credentials or none (distribution's token specification), by POST with an identity
 * token as OAuth2 refresh token. Fails as RequestFailure; the answer is never part of the message.
 */
export async function requestToken(request: TokenRequest, send: TokenTransport, signal: AbortSignal): Promise<Token> {
  const { realm, service, scope } = request;
  const credentials = realm.isTrusted ? request.credentials : undefined;
  if (credentials?.kind === "identity-token") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      service: service ?? "",
      client_id: "crib",
      scope,
      refresh_token: credentials.token,
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const body = form.toString();
    return parseToken(await send({ url: realm.url, method: "POST", headers, body, limitBytes }, signal));
  }
  const url = new URL(realm.url);
  if (service !== undefined) url.searchParams.append("service", service);
  for (const each of scope.split(" ")) url.searchParams.append("scope", each);
  const headers: Headers = credentials?.kind === "basic" ? { authorization: basicHeader(credentials) } : {};
  return parseToken(await send({ url, method: "GET", headers, limitBytes }, signal));
}

function parseToken(text: string): Token {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw wrong("its answer is no JSON");
  }
  const { data } = tokenDocument.safeParse(document);
  const value = data?.token || data?.access_token;
  if (data === undefined || !value) throw wrong("its answer has no token");
  // It becomes part of a header.
  if (!/^[\x21-\x7e]+$/.test(value)) throw wrong("its token has characters that a header cannot have");
  const seconds = data.expires_in ?? defaultLifeSeconds;
  return { value, lifeMs: Math.min(Math.max(seconds, 0), longestLifeSeconds) * 1_000 };
}

function wrong(why: string): RequestFailure {
  return new RequestFailure(Code.InvalidArgument, `asking the token server: ${why}`, { retry: false });
}
