import { Code } from "@crib/errdefs";

import { secretsOf } from "../auth/basic.ts";
import { parseChallenges } from "../auth/challenge.ts";
import { RequestFailure } from "../failures/request-failure.ts";
import { statusFailure } from "../failures/status-failure.ts";
import type { Endpoint } from "../hosts/endpoint.ts";
import type { Credentials } from "../types.ts";
import { follow } from "./follow.ts";
import { readStart } from "./read-body.ts";
import type { Answer, Headers } from "./send.ts";
import type { Transport } from "./transport.ts";

/** A GET below the distribution API's path. */
export interface Question {
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** Behind the repository's name: `manifests/latest`. */
  readonly path: string;
  readonly headers: Headers;
  readonly credentials: Credentials | undefined;
  /** The statuses that are answers; all others are failures. */
  readonly expected: readonly number[];
}

const challengeLimitBytes = 64 << 10;
/** Challenges that are answered for one request: the registry's, that of one behind a redirect, and one used-up token each. */
const roundLimit = 4;

/**
 * Asks a registry once: with what it wants to be told (one new token for one 401), through its redirects. Waits for its turn
 * on the host, which lasts until the answer's body was read or destroyed, or nothing has come for a while. Fails as
 * RequestFailure or with the signal's error.
 */
export async function ask(transport: Transport, question: Question, signal: AbortSignal): Promise<Answer> {
  const slot = await transport.limiter.acquire(question.endpoint.host, signal);
  try {
    const answer = await askAuthorized(transport, question, () => slot.release(), signal);
    answer.body.whenClosed(() => slot.release());
    return answer;
  } catch (reason) {
    slot.release();
    throw reason;
  }
}

/** The Authorization headers of a request: one for the endpoint, one for an origin that it redirects to. */
interface Authorizations {
  readonly own: string | undefined;
  readonly foreign: { readonly origin: string; readonly header: string } | undefined;
}

async function askAuthorized(
  transport: Transport,
  question: Question,
  onQuiet: () => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { endpoint, repository, credentials, expected } = question;
  const subject = { endpoint, origin: transport.originOf(endpoint), repository, credentials };
  let sent: Authorizations = { own: transport.authorizer.header(subject), foreign: undefined };
  let answer = await askOnce(transport, question, sent, onQuiet, signal);
  // A token that another request got meanwhile may be used up too; one that was made for this request is the last word.
  const freshlyTold = new Set<string>();
  for (let round = 0; round < roundLimit && isAnswerable(transport, answer, endpoint); round++) {
    if (freshlyTold.has(answer.url.origin)) break;
    const next = await answerChallenge(transport, question, answer, sent, signal);
    if (next.isFresh) freshlyTold.add(answer.url.origin);
    sent = next.authorizations;
    answer = await askOnce(transport, question, sent, onQuiet, signal);
  }
  if (expected.includes(answer.status)) return answer;
  if (answer.status < 300) {
    answer.body.destroy();
    throw new RequestFailure(Code.InvalidArgument, `the status is ${answer.status}, expected 200`, { retry: false });
  }
  const { retryAfterLimitMs } = transport.settings;
  const secrets = secretsOf(credentials, sent.own);
  throw await statusFailure(
    answer,
    { secrets, retryAfterLimitMs, isForeign: isForeign(transport, answer, endpoint) },
    signal,
  );
}

/** A 401 of the endpoint; of another origin only one that a token answers. Storages say 401 for other reasons. */
function isAnswerable(transport: Transport, answer: Answer, endpoint: Endpoint): boolean {
  if (answer.status !== 401) return false;
  if (!isForeign(transport, answer, endpoint)) return true;
  return parseChallenges(answer.challenges).some(({ scheme }) => scheme === "bearer");
}

/**
 * Finds what answers a 401. Another origin, such as the registry behind a name that redirects, is told nothing but a token
 * that it gives to everybody.
 */
async function answerChallenge(
  transport: Transport,
  question: Question,
  answer: Answer,
  sent: Authorizations,
  signal: AbortSignal,
): Promise<{ readonly authorizations: Authorizations; readonly isFresh: boolean }> {
  const { repository } = question;
  await readStart(answer.body, challengeLimitBytes);
  const origin = new URL(answer.url.origin);
  const isStranger = isForeign(transport, answer, question.endpoint);
  const endpoint = isStranger ? strangerEndpoint(question.endpoint, origin) : question.endpoint;
  const credentials = isStranger ? undefined : question.credentials;
  const before = isStranger ? foreignHeader(sent, origin) : sent.own;
  const tokens = transport.tokenTransport(endpoint, origin, secretsOf(credentials, before));
  const subject = { endpoint, origin, repository, credentials };
  const { header, isFresh } = await transport.authorizer.answer(subject, answer.challenges, before, tokens, signal);
  const authorizations = isStranger
    ? { ...sent, foreign: { origin: origin.origin, header } }
    : { ...sent, own: header };
  return { authorizations, isFresh };
}

function foreignHeader({ foreign }: Authorizations, url: URL): string | undefined {
  return foreign?.origin === url.origin ? foreign.header : undefined;
}

/** An origin that an endpoint redirected to, without anything that is the endpoint's own. */
function strangerEndpoint(endpoint: Endpoint, origin: URL): Endpoint {
  return {
    ...endpoint,
    host: origin.host,
    scheme: origin.protocol === "https:" ? "https" : "http",
    fallsBack: false,
    tls: { ...endpoint.tls, clients: [], id: `${endpoint.tls.id} without clients` },
    headers: {},
    tokenHosts: [],
    proxy: undefined,
  };
}

/** Whether an answer came from elsewhere than the endpoint's own origin. */
function isForeign(transport: Transport, answer: Answer, endpoint: Endpoint): boolean {
  return answer.url.origin !== transport.originOf(endpoint).origin;
}

async function askOnce(
  transport: Transport,
  question: Question,
  authorizations: Authorizations,
  onQuiet: () => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { endpoint, repository, path, headers } = question;
  const url = new URL(`${endpoint.path}/${repository}/${path}`, transport.originOf(endpoint));
  if (endpoint.namespace !== undefined) url.searchParams.set("ns", endpoint.namespace);
  // Bytes are hashed as they come; nobody is to pack them for the way.
  const all = { ...headers, "accept-encoding": "identity" };
  const { own: authorization } = authorizations;
  const own = { ...endpoint.headers, ...(authorization !== undefined && { authorization }) };
  const first = await transport.getFromEndpoint({ endpoint, url, headers: { ...own, ...all }, onQuiet }, signal);
  return follow(first, { all, own }, transport.settings.redirects, async (next, kept, foreign) => {
    const token = foreign ? foreignHeader(authorizations, next) : undefined;
    const sent = token === undefined ? kept : { ...kept, authorization: token };
    return transport.get({ endpoint, url: next, headers: sent, isForeign: foreign, onQuiet }, signal);
  });
}
