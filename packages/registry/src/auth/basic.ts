import type { Credentials } from "../types.ts";

/** The Authorization header of a user name and a password (RFC 7617). */
export function basicHeader({ username, password }: Credentials & { readonly kind: "basic" }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** All texts that must not appear in a message once these credentials, or this header, were sent. */
export function secretsOf(credentials: Credentials | undefined, authorization: string | undefined): readonly string[] {
  const sent = authorization === undefined ? [] : [authorization.slice(authorization.indexOf(" ") + 1)];
  if (credentials === undefined) return sent;
  return credentials.kind === "basic"
    ? [...sent, basicHeader(credentials).slice("Basic ".length), credentials.password]
    : [...sent, credentials.token];
}
