import { isIP } from "node:net";

import { Code } from "@crib/errdefs";

import { RequestFailure } from "../failures/request-failure.ts";
import { showText } from "../failures/show-text.ts";
import { hostnameOf } from "../hosts/host-name.ts";

const limitChars = 2 << 10;

/** Where a token is asked for, and what may be said there. */
export interface Realm {
  readonly url: URL;
  /** Whether it may be told the credentials of the registry that named it. */
  readonly isTrusted: boolean;
}

/**
 * Judges the realm of a Bearer challenge (CVE-2026-65388): a registry may name a token server, but not anybody to send
 * credentials to. Refused: no http or https URL, user or password in it, http under a registry that speaks TLS, http on another
 * host. Trusted with credentials: the registry's own host; over TLS also a host with the same parent domain, and the
 * configured `tokenHosts`. Any other is asked without credentials.
 */
export function judgeRealm(realm: string, registry: URL, tokenHosts: readonly string[]): Realm {
  if (realm.length > limitChars || !URL.canParse(realm)) throw refused("it is no URL");
  const url = new URL(realm);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refused(`its scheme is "${showText(url.protocol)}"`);
  if (url.username !== "" || url.password !== "") throw refused("it has a user in it");
  url.hash = "";
  const isListed = tokenHosts.some((host) => host.toLowerCase() === url.host || host.toLowerCase() === url.hostname);
  const isSameHost = url.hostname === registry.hostname;
  if (url.protocol === "http:") {
    if (registry.protocol === "https:") throw refused("it is plain http, and the registry speaks TLS");
    if (!isSameHost && !isListed) throw refused("it is plain http on another host");
  }
  return { url, isTrusted: isSameHost || isListed || haveSameParent(url.hostname, registry.hostname) };
}

function refused(why: string): RequestFailure {
  return new RequestFailure(Code.InvalidArgument, `the registry's token server (realm) is refused: ${why}`, {
    retry: false,
  });
}

/**
 * Whether two names end in the same domain that somebody can own, as auth.docker.io and registry-1.docker.io do. The
 * list of public suffixes is not at hand: two labels are taken, three under what looks like a country's second level
 * (co.uk, com.au). Domains below which anybody gets a name (github.io) are not known as such.
 */
function haveSameParent(first: string, second: string): boolean {
  const [a, b] = [parentOf(first), parentOf(second)];
  return a !== undefined && a === b;
}

function parentOf(hostname: string): string | undefined {
  const name = hostnameOf(hostname).replace(/\.$/, "");
  if (isIP(name) !== 0 || hostname.startsWith("[")) return undefined;
  const labels = name.split(".");
  const [second = "", top = ""] = labels.slice(-2);
  const count = top.length === 2 && second.length <= 3 ? 3 : 2;
  return labels.length < count ? undefined : labels.slice(-count).join(".");
}
