import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";

import { answerError } from "./exchange.ts";
import type { RecordedRequest } from "./recorded-request.ts";

/** How a `FaultyRegistry` wants to be told who asks. */
export interface AuthOptions {
  /** `bearer`: by tokens of its own `/token`, or of `realm`. */
  readonly kind: "bearer" | "basic";
  /** Where tokens are to be asked for. Default: `/token` of the registry itself. */
  readonly realm?: string;
  /** Who gets in. Default: everybody gets a token. */
  readonly username?: string;
  readonly password?: string;
  /** The refresh token that POST /token takes. */
  readonly identityToken?: string;
  /** What the token server says of a token's life, in seconds. Default: nothing. */
  readonly expiresIn?: unknown;
}

/** Gives and checks tokens. */
export class TokenAuth {
  readonly #options: AuthOptions;
  readonly #tokens: Set<string>;
  readonly #origin: string;

  /** `tokens`: shared by a registry and the token server that its realm names. */
  constructor(options: AuthOptions, origin: string, tokens: Set<string>) {
    this.#options = options;
    this.#origin = origin;
    this.#tokens = tokens;
  }

  /** Whether the request may pass; if not, it has been answered with 401. */
  admit(request: RecordedRequest, response: ServerResponse): boolean {
    const { kind, realm = `${this.#origin}/token` } = this.#options;
    const { authorization = "" } = request.headers;
    if (kind === "basic" ? this.#isUser(authorization) : this.#tokens.has(authorization.slice("Bearer ".length)))
      return true;
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(request.path)?.[1] ?? "";
    const bearer = `Bearer realm="${realm}",service="test registry",scope="repository:${repository}:pull"`;
    response.setHeader("www-authenticate", kind === "basic" ? 'Basic realm="registry"' : bearer);
    answerError(response, 401, "UNAUTHORIZED", "authentication required");
    return false;
  }

  /** Answers a request to `/token`. */
  giveToken(request: RecordedRequest, response: ServerResponse): void {
    const { username, identityToken, expiresIn } = this.#options;
    const isRight =
      request.method === "POST"
        ? identityToken !== undefined && new URLSearchParams(request.body).get("refresh_token") === identityToken
        : username === undefined || this.#isUser(request.headers.authorization ?? "");
    if (!isRight) {
      answerError(response, 401, "UNAUTHORIZED", "wrong user or password");
      return;
    }
    const token = randomBytes(24).toString("base64url");
    this.#tokens.add(token);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, ...(expiresIn !== undefined && { expires_in: expiresIn }) }));
  }

  #isUser(authorization: string): boolean {
    const { username = "", password = "" } = this.#options;
    return authorization === `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }
}
