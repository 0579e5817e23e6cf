import { Code } from "@crib/errdefs";

import { RequestFailure } from "../failures/request-failure.ts";

/** The failure of a host that serves something else than it was asked for. Asking it again would not help. */
export function wrongContent(why: string): RequestFailure {
  return new RequestFailure(Code.DataLoss, why, { retry: false });
}

/** The failure of an answer that the protocol does not provide for. */
export function wrongAnswer(why: string, options?: ErrorOptions): RequestFailure {
  return new RequestFailure(Code.InvalidArgument, why, { ...options, retry: false });
}
