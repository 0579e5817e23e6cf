import { Code, StatusError } from "@crib/errdefs";

const shownLength = 80;

/** What JSON leaves as it is: C1 controls, line separators, marks that turn the direction of text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** An InvalidArgument that names the request's field, as it is called in the CRI, and says what is wrong with it. */
export function invalid(field: string, why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `invalid ${field}: ${why}`);
}

/** A hostile value as it may stand in a message: one line, escaped, cut after 80 characters. */
export function quote(value: string): string {
  const shown = value.length > shownLength ? `${value.slice(0, shownLength)}...` : value;
  return JSON.stringify(shown.toWellFormed()).replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
