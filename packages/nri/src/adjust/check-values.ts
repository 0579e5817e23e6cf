import { Code, StatusError } from "@crib/errdefs";

/** The largest number that JSON readers and writers of specifications agree on. */
const largest = BigInt(Number.MAX_SAFE_INTEGER);

/** Says what is wrong with a plugin's reply. */
export function invalid(what: string): StatusError {
  return new StatusError(Code.FailedPrecondition, what);
}

/** Throws unless text is not empty and has no NUL. */
export function checkName(text: string, what: string): void {
  if (text === "") throw invalid(`${what} is empty`);
  checkText(text, what);
}

/** Throws when text has a NUL, which nothing outside of this process could read. */
export function checkText(text: string, what: string): void {
  if (text.includes("\0")) throw invalid(`${what} ${quote(text)} has a NUL`);
}

/** Throws unless a path is absolute and does not climb. */
export function checkPath(path: string, what: string): void {
  checkName(path, what);
  if (!path.startsWith("/")) throw invalid(`${what} ${quote(path)} is not absolute`);
  if (path.split("/").includes("..")) throw invalid(`${what} ${quote(path)} has ".."`);
}

/** Throws unless a value is one of a list. */
export function checkOneOf(value: string, known: ReadonlySet<string>, what: string): void {
  if (!known.has(value)) throw invalid(`${what} ${quote(value)} is not known`);
}

/** Throws unless a number is between two. */
export function checkRange(value: number | bigint, low: number | bigint, high: number | bigint, what: string): void {
  if (value < low || value > high) throw invalid(`${what} ${value} is not between ${low} and ${high}`);
}

/** Throws unless a 64-bit number is one that can be told exactly in a specification; `low` is the least one allowed. */
export function checkExact(value: bigint | undefined, low: bigint, what: string): void {
  if (value !== undefined) checkRange(value, low, largest, what);
}

/** What a plugin wrote, for an error: short and in one line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}
