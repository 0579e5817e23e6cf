import { Code } from "@crib/errdefs";

import type { Answer } from "../http/send.ts";
import { errorText } from "./error-text.ts";
import { RequestFailure } from "./request-failure.ts";
import { parseRetryAfter } from "./retry-after.ts";

const byStatus: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.NotFound,
  410: Code.NotFound,
  429: Code.ResourceExhausted,
};

/** What a server may answer differently a moment later. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

/** What an answer is judged by, beside itself. */
export interface StatusContext {
  /** Not to be repeated in the message. */
  readonly secrets: readonly string[];
  /** A Retry-After above it is not waited for, in milliseconds. */
  readonly retryAfterLimitMs: number;
  /** Whether a redirect led away from the registry: signed addresses of storages age, a new one may do. */
  readonly isForeign: boolean;
}

/** Makes the failure of an answer that has a status of 300 and above, or an unexpected one. Ends the answer. */
export async function statusFailure(
  answer: Answer,
  context: StatusContext,
  signal: AbortSignal,
): Promise<RequestFailure> {
  const { status, headers } = answer;
  const text = await errorText(answer, context.secrets, signal);
  const retry = isPassing(status) || (context.isForeign && (status === 401 || status === 403));
  const retryAfterMs = status === 429 || status === 503 ? parseRetryAfter(headers["retry-after"]) : undefined;
  const code = byStatus[status] ?? (status < 500 && !retry ? Code.InvalidArgument : Code.Unavailable);
  if (retryAfterMs === undefined) return new RequestFailure(code, text, { retry });
  if (retryAfterMs <= context.retryAfterLimitMs) return new RequestFailure(code, text, { retry, retryAfterMs });
  const limit = `longer than the ${context.retryAfterLimitMs / 1_000} s that are waited for`;
  return new RequestFailure(code, `${text}; it asks to come back in ${showSeconds(retryAfterMs)}, ${limit}`, {
    retry: false,
  });
}

function showSeconds(ms: number): string {
  return Number.isFinite(ms) && ms < 1e15 ? `${Math.ceil(ms / 1_000)} s` : "more than 10,000 years";
}
