import { createHash, randomBytes } from "node:crypto";

import { Code } from "@crib/errdefs";

import { BoundedMap } from "../bounded-map.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import type { Endpoint } from "../hosts/endpoint.ts";
import type { Credentials } from "../types.ts";
import { basicHeader } from "./basic.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { judgeRealm } from "./realm.ts";
import { SharedRuns } from "./shared-run.ts";
import { TokenCache } from "./token-cache.ts";
import { requestToken, type TokenRequest, type TokenTransport } from "./token-request.ts";

/** Who asks whom for what. */
export interface Subject {
  readonly endpoint: Endpoint;
  /** The endpoint's URL as it is spoken to. */
  readonly origin: URL;
  readonly repository: string;
  readonly credentials: Credentials | undefined;
}

/** The answer to a challenge. */
export interface Authorization {
  readonly header: string;
  /** Whether it was made for this challenge: if it is refused, nothing better can be had. */
  readonly isFresh: boolean;
}

/** What a server has asked for before: basic credentials, or a token of this kind. */
type Known =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly request: TokenRequest; readonly key: string };

const knownLimit = 1_000;

/** Answers the challenges of registries and remembers them, so that the next request has its header from the start. */
export class Authorizer {
  readonly #known = new BoundedMap<Known>(knownLimit);
  readonly #tokens = new TokenCache();
  readonly #runs = new SharedRuns<string>();
  // Keys of the maps are hashes that mean nothing outside of this process.
  readonly #salt = randomBytes(16);

  /** The Authorization header that is likely to be wanted; undefined when nothing is known, or nothing is wanted. */
  header(subject: Subject): string | undefined {
    const { credentials } = subject;
    if (credentials?.kind === "registry-token") return `Bearer ${credentials.token}`;
    const known = this.#known.find(this.#keyOf(subject));
    if (known === undefined) return undefined;
    if (known.kind === "basic") return credentials?.kind === "basic" ? basicHeader(credentials) : undefined;
    const token = this.#tokens.find(known.key);
    return token === undefined ? undefined : `Bearer ${token}`;
  }

  /**
   * What answers a 401. `sent` is the header that was refused. Fails as RequestFailure: Unauthenticated when nothing can
   * be answered.
   */
  async answer(
    subject: Subject,
    lines: readonly string[],
    sent: string | undefined,
    transport: TokenTransport,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const { credentials } = subject;
    const challenges = parseChallenges(lines);
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (credentials?.kind === "registry-token") throw unauthenticated("the registry token is refused");
    if (bearer !== undefined) return this.#bearer(subject, bearer, sent, transport, signal);
    if (!challenges.some(({ scheme }) => scheme === "basic")) {
      throw unauthenticated("it asks for credentials, but not by a scheme that is known (Bearer, Basic)");
    }
    if (credentials?.kind !== "basic") throw unauthenticated("it asks for a user and a password, and none are known");
    const header = basicHeader(credentials);
    if (sent === header) throw unauthenticated("the user or the password is refused");
    this.#known.set(this.#keyOf(subject), { kind: "basic" });
    return { header, isFresh: true };
  }

  async #bearer(
    subject: Subject,
    challenge: Challenge,
    sent: string | undefined,
    transport: TokenTransport,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const { endpoint, origin, repository, credentials } = subject;
    const { parameters } = challenge;
    const realm = judgeRealm(parameters.get("realm") ?? "", origin, endpoint.tokenHosts);
    const service = parameters.get("service");
    const scope = parameters.get("scope") || `repository:${repository}:pull`;
    const request: TokenRequest = { realm, service, scope, credentials };
    const key = this.#hash(endpoint.scheme, endpoint.host, realm.url.href, service ?? "", scope, credentials);
    this.#known.set(this.#keyOf(subject), { kind: "bearer", request, key });
    const kept = this.#tokens.find(key);
    // Another request may have renewed it meanwhile; only the token that was refused is of no use.
    if (kept !== undefined && sent !== `Bearer ${kept}`) return { header: `Bearer ${kept}`, isFresh: false };
    this.#tokens.delete(key);
    const run = async (runSignal: AbortSignal): Promise<string> => {
      const token = await requestToken(request, transport, runSignal);
      this.#tokens.set(key, token);
      return token.value;
    };
    return { header: `Bearer ${await this.#runs.join(key, run, signal)}`, isFresh: true };
  }

  #keyOf({ endpoint, repository, credentials }: Subject): string {
    return this.#hash(endpoint.scheme, endpoint.host, endpoint.path, repository, credentials);
  }

  #hash(...parts: readonly unknown[]): string {
    return createHash("sha256").update(this.#salt).update(JSON.stringify(parts)).digest("base64");
  }
}

function unauthenticated(why: string): RequestFailure {
  return new RequestFailure(Code.Unauthenticated, why, { retry: false });
}
