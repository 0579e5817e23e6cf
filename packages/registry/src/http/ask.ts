import { Code } from "@crib/errdefs";

import { secretsOf } from "../auth/basic.ts";
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

/**
 * Asks a registry once: with what it wants to be told (one answer to one 401), through its redirects. Waits for its turn on the host,
 * which lasts until the answer's body was read or destroyed, or has been silent for a while. Fails as RequestFailure or
 * with the signal's error.
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

async function askAuthorized(
  transport: Transport,
  question: Question,
  onQuiet: () => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { endpoint, repository, credentials, expected } = question;
  const { authorizer, settings } = transport;
  let authorization = authorizer.header({ endpoint, origin: transport.originOf(endpoint), repository, credentials });
  let answer = await askOnce(transport, question, authorization, onQuiet, signal);
  for (let isFresh = false; answer.status === 401 && !isFresh && !isForeign(transport, answer, endpoint);) {
    await readStart(answer.body, challengeLimitBytes);
    const origin = new URL(answer.url.origin);
    const tokens = transport.tokenTransport(endpoint, origin, secretsOf(credentials, authorization));
    const subject = { endpoint, origin, repository, credentials };
    const next = await authorizer.answer(subject, answer.challenges, authorization, tokens, signal);
    authorization = next.header;
    ({ isFresh } = next);
    answer = await askOnce(transport, question, authorization, onQuiet, signal);
  }
  if (expected.includes(answer.status)) return answer;
  const secrets = secretsOf(credentials, authorization);
  const { retryAfterLimitMs } = settings;
  if (answer.status < 300) {
    answer.body.destroy();
    throw new RequestFailure(Code.InvalidArgument, `the status is ${answer.status}, expected 200`, { retry: false });
  }
  throw await statusFailure(
    answer,
    { secrets, retryAfterLimitMs, isForeign: isForeign(transport, answer, endpoint) },
    signal,
  );
}

/** Whether an answer came from elsewhere than the endpoint's own origin. */
function isForeign(transport: Transport, answer: Answer, endpoint: Endpoint): boolean {
  return answer.url.origin !== transport.originOf(endpoint).origin;
}

async function askOnce(
  transport: Transport,
  question: Question,
  authorization: string | undefined,
  onQuiet: () => void,
  signal: AbortSignal,
): Promise<Answer> {
  const { endpoint, repository, path, headers } = question;
  const url = new URL(`${endpoint.path}/${repository}/${path}`, transport.originOf(endpoint));
  if (endpoint.namespace !== undefined) url.searchParams.set("ns", endpoint.namespace);
  // Bytes are hashed as they come; nobody is to pack them for the way.
  const all = { ...headers, "accept-encoding": "identity" };
  const own = { ...endpoint.headers, ...(authorization !== undefined && { authorization }) };
  const first = await transport.getFromEndpoint({ endpoint, url, headers: { ...own, ...all }, onQuiet }, signal);
  return follow(first, { all, own }, transport.settings.redirects, async (next, sent, foreign) =>
    transport.get({ endpoint, url: next, headers: sent, isForeign: foreign, onQuiet }, signal),
  );
}
