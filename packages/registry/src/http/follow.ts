import { Code } from "@crib/errdefs";

import { RequestFailure } from "../failures/request-failure.ts";
import { showUrl } from "../failures/show-text.ts";
import { readStart } from "./read-body.ts";
import type { Answer, Headers } from "./send.ts";

/** Sends one GET. `isForeign`: the URL is of another origin than the first one. */
export type SendGet = (url: URL, headers: Headers, isForeign: boolean) => Promise<Answer>;

const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** What is read of a redirect's body, to keep its connection. */
const bodyLimitBytes = 16 << 10;

/** Headers of a request, and which of them only the first origin may see. */
export interface FollowedHeaders {
  readonly all: Headers;
  /** Credentials, and whatever an administrator configured for this host. */
  readonly own: Headers;
}

/**
 * Sends a GET and follows redirects, at most `limit`. `own` headers go to the first origin only, and once it was left, not even
 * back to it. InvalidArgument for a redirect that goes round in circles, from TLS to plain HTTP, or to anything but http(s).
 * The last answer is given whatever its status.
 */
export async function follow(first: Answer, headers: FollowedHeaders, limit: number, send: SendGet): Promise<Answer> {
  const origin = first.url.origin;
  const seen = new Set([first.url.href]);
  let answer = first;
  let isForeign = false;
  while (redirectStatuses.has(answer.status)) {
    const next = await nextUrl(answer);
    if (seen.has(next.href)) throw refused(`it goes round in circles at ${showUrl(next)}`);
    if (seen.size > limit) throw refused(`there are more than ${limit} of them`);
    seen.add(next.href);
    isForeign ||= next.origin !== origin;
    answer = await send(next, isForeign ? headers.all : { ...headers.all, ...headers.own }, isForeign);
  }
  return answer;
}

/** Reads a redirect to its end and gives where it leads to. */
async function nextUrl({ headers, url, body }: Answer): Promise<URL> {
  await readStart(body, bodyLimitBytes);
  const { location } = headers;
  if (location === undefined || !URL.canParse(location, url.href)) throw refused("it has no location that is a URL");
  const next = new URL(location, url);
  next.hash = "";
  if (next.protocol !== "http:" && next.protocol !== "https:")
    throw refused(`it leads to another scheme, ${showUrl(next)}`);
  if (next.username !== "" || next.password !== "") throw refused("its location has a user in it");
  if (url.protocol === "https:" && next.protocol === "http:") {
    throw refused(`it leads from TLS to plain HTTP, ${showUrl(next)}`);
  }
  return next;
}

function refused(why: string): RequestFailure {
  return new RequestFailure(Code.InvalidArgument, `a redirect is not followed: ${why}`, { retry: false });
}
