import { Code, StatusError } from "@crib/errdefs";

import type { Credentials } from "../types.ts";
import { namesHost } from "./config-key.ts";

/** The fields of the CRI's AuthConfig, and of an entry in a Docker configuration file; empty ones count as missing. */
export interface AuthFields {
  readonly username?: string;
  readonly password?: string;
  /** Base64 of `user:password`. */
  readonly auth?: string;
  /** The registry that all of it is for, as a host or a URL; empty: the one that is asked. */
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/**
 * The credentials that the fields are for a registry, named as in references (`docker.io`). Undefined when there are none, or
 * when they are another registry's. An identity token counts before a registry token, that before a user, that before
 * `auth`. InvalidArgument, without any of the values, for what cannot be read.
 */
export function parseAuthConfig(fields: AuthFields, registryHost: string): Credentials | undefined {
  const { username, password, auth, serverAddress, identityToken, registryToken } = fields;
  if (serverAddress && !namesHost(serverAddress, registryHost)) return undefined;
  if (identityToken) return { kind: "identity-token", token: checkToken(identityToken, "identityToken") };
  if (registryToken) return { kind: "registry-token", token: checkToken(registryToken, "registryToken") };
  if (username) return checkUser(username, password ?? "", "username");
  return auth ? decodeAuth(auth) : undefined;
}

function decodeAuth(auth: string): Credentials {
  const text = auth.trim();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) throw wrong("auth", "expected base64");
  const decoded = Buffer.from(text, "base64").toString();
  const colon = decoded.indexOf(":");
  if (colon === -1) throw wrong("auth", 'expected the base64 of "user:password"');
  // Some tools fill the text up with NUL bytes; containerd takes them off too.
  return checkUser(decoded.slice(0, colon), decoded.slice(colon + 1).replace(/^\0+|\0+$/g, ""), "auth");
}

function checkUser(username: string, password: string, field: string): Credentials {
  // Passwords may be anything: that of Google's registries is a JSON document of many lines.
  if (/[:\p{Cc}]/u.test(username)) throw wrong(field, 'expected a user without ":" and control characters');
  return { kind: "basic", username, password };
}

function checkToken(token: string, field: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw wrong(field, "expected visible ASCII characters");
}

function wrong(field: string, why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `reading credentials: ${field}: ${why}`);
}
