import { execFileSync } from "node:child_process";
import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** Gives tokens that docker-registry believes (distribution project, "Token Authentication Specification"). */
export interface TokenServer {
  /** Where tokens are asked for. */
  readonly realm: string;
  /** The registry's `auth.token`. */
  readonly registrySettings: Readonly<Record<string, string>>;
  /** Requests that came in so far. */
  readonly requests: readonly {
    readonly url: string;
    readonly authorization: string | undefined;
    readonly scopes: readonly string[];
  }[];
  /** A token for scopes such as `repository:busybox:pull`. */
  issue(scopes: readonly string[], lifeSeconds?: number): string;
  /** Seconds that the tokens live that it gives from now on. */
  lifeSeconds: number;
  stop(): Promise<void>;
}

const service = "crib-registry";
const issuer = "crib-tests";

/**
 * Starts a token server on 127.0.0.1 with a key of its own in `folder`. Without the login in a request it gives a token for no
 * scope, which the registry refuses; but repositories below `public/` are everybody's.
 */
export async function startTokenServer(
  folder: string,
  login: { readonly username: string; readonly password: string },
): Promise<TokenServer> {
  const { keyFile, certificateFile } = makeKey(folder);
  const key = createPrivateKey(readFileSync(keyFile));
  const certificate = new X509Certificate(readFileSync(certificateFile));
  const expected = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const requests: TokenServer["requests"][number][] = [];

  const issue = (scopes: readonly string[], lifeSeconds: number): string => {
    const now = Math.floor(Date.now() / 1000);
    const head = { typ: "JWT", alg: "ES256", x5c: [certificate.raw.toString("base64")] };
    const claims = {
      iss: issuer,
      sub: login.username,
      aud: service,
      jti: randomUUID(),
      iat: now - 5,
      nbf: now - 5,
      // The registry lets a token live a minute longer than it says.
      exp: now + lifeSeconds,
      access: scopes.map((scope) => {
        const [type, name, actions = ""] = scope.split(":");
        return { type, name, actions: actions.split(",") };
      }),
    };
    const signed = [head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  };

  const server = createServer((request, response) => answer(request, response));
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? "";
    const { authorization } = request.headers;
    const scopes = new URL(url, "http://token").searchParams.getAll("scope");
    requests.push({ url, authorization, scopes });
    if (authorization !== undefined && authorization !== expected) {
      response.writeHead(401).end("{}");
      return;
    }
    const allowed = scopes.filter((scope) => authorization !== undefined || scope.startsWith("repository:public/"));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ token: issue(allowed, result.lifeSeconds), expires_in: result.lifeSeconds }));
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const result: TokenServer = {
    realm,
    registrySettings: { realm, service, issuer, rootcertbundle: certificateFile },
    requests,
    issue: (scopes, lifeSeconds = 300) => issue(scopes, lifeSeconds),
    lifeSeconds: 300,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return result;
}

/** Node makes keys, but no certificates. */
function makeKey(folder: string): { readonly keyFile: string; readonly certificateFile: string } {
  const keyFile = join(folder, "token.key");
  const certificateFile = join(folder, "token.crt");
  const options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const files = ["-keyout", keyFile, "-out", certificateFile];
  execFileSync("openssl", ["req", "-x509", ...options, "-subj", `/CN=${issuer}`, ...files], { stdio: "pipe" });
  return { keyFile, certificateFile };
}
