import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { CriLog } from "../types.ts";

/** What `read` gives; undefined when it fails, which is said in the log with `fields` unless the thing has just gone. */
export async function orNone<T>(
  { log }: { readonly log: CriLog },
  fields: Readonly<Record<string, string>>,
  signal: AbortSignal,
  read: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await read();
  } catch (reason) {
    signal.throwIfAborted();
    const gone = hasCode(reason, Code.NotFound) || hasCode(reason, Code.Unavailable);
    if (!gone) log.warn({ ...fields, error: StatusError.from(reason).message }, "usage cannot be read");
    return undefined;
  }
}
