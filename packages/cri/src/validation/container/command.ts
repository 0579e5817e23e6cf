import { invalid, quote } from "../values/invalid.ts";
import { checkCount } from "../values/text.ts";

/** Bytes of one argument or `NAME=value` with its NUL: MAX_ARG_STRLEN of Linux (execve(2)). */
export const maxArgumentBytes = 131_072;

/** Far more than fit in what the kernel allows in all. */
const maxArguments = 65_536;

/** Arguments for execve(2): any text, each short enough, without NUL. An empty list is given back as it is. */
export function checkArguments(field: string, values: readonly string[]): readonly string[] {
  checkCount(field, values.length, maxArguments);
  for (const [index, value] of values.entries()) checkArgument(`${field}[${index}]`, value);
  return values;
}

/** A command that has to name at least its program. */
export function checkCommand(field: string, values: readonly string[]): readonly string[] {
  if (values.length === 0) throw invalid(field, "is empty");
  return checkArguments(field, values);
}

function checkArgument(field: string, value: string): void {
  if (value.includes("\0")) throw invalid(field, `${quote(value)} has a NUL`);
  if (Buffer.byteLength(value) >= maxArgumentBytes) {
    throw invalid(field, `${quote(value)} is longer than ${maxArgumentBytes - 1} bytes`);
  }
}
