import { invalid, quote } from "./invalid.ts";

/** What a string of a request must look like. */
export interface TextRule {
  /** Bytes of UTF-8. */
  readonly maxBytes: number;
  /** Default: anything without control characters. */
  readonly pattern?: RegExp;
  /** How the message describes the pattern, after "must be". */
  readonly form?: string;
}

/** C0, DEL and C1: line feeds, NUL and terminal escapes, which must not reach a file, an argument or a log. */
const controlCharacter = /\p{Cc}/u;

/** Gives `value` back when it follows `rule`, else fails with InvalidArgument. The empty string has to match the pattern too. */
export function checkText(field: string, value: string, rule: TextRule): string {
  if (Buffer.byteLength(value) > rule.maxBytes) {
    throw invalid(field, `${quote(value)} is longer than ${rule.maxBytes} bytes`);
  }
  if (controlCharacter.test(value)) throw invalid(field, `${quote(value)} has a control character`);
  if (rule.pattern && !rule.pattern.test(value)) {
    throw invalid(field, `${quote(value)} must be ${rule.form ?? String(rule.pattern)}`);
  }
  return value;
}

/** Fails when a list of a request is longer than anybody needs. */
export function checkCount(field: string, count: number, limit: number): void {
  if (count > limit) throw invalid(field, `${count} entries; the limit is ${limit}`);
}
