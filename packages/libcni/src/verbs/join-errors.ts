import { StatusError } from "@crib/errdefs";

/** One error for several: the only one itself, else one with the first one's code, all messages, and all of them as its cause. */
export function joinErrors(errors: readonly StatusError[]): StatusError {
  const [first] = errors;
  if (first === undefined) throw new TypeError("joining errors: none given");
  if (errors.length === 1) return first;
  const message = errors.map((error) => error.message).join("; ");
  return new StatusError(first.code, message, { cause: new AggregateError(errors, message) });
}
