import { Code, StatusError } from "@crib/errdefs";

/** A signal that SIGINT and SIGTERM abort, once; a second one ends the process. `doing` begins the message of the failure. */
export function stopSignal(doing: string): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stop.abort(new StatusError(Code.Canceled, `${doing}: ended by ${name}`)));
  }
  return stop.signal;
}
