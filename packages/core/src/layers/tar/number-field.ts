import { badTar } from "./tar-error.ts";

const zero = 0x30;
const seven = 0x37;
const space = 0x20;

function isBlank(byte: number | undefined): boolean {
  return byte === space || byte === 0;
}

/** GNU's extension: two's complement, big endian, the first bit says that it is one. */
function parseBase256(block: Buffer, start: number, end: number, field: string): number {
  const first = block[start] ?? 0;
  const isNegative = (first & 0x40) !== 0;
  // A negative number is read as the complement of its complement, so that no step leaves the safe integers.
  const invert = isNegative ? 0xff : 0;
  let value = (first ^ invert) & 0x7f;
  for (let at = start + 1; at < end; at += 1) {
    value = value * 256 + ((block[at] ?? 0) ^ invert);
    if (value > Number.MAX_SAFE_INTEGER) throw badTar(`${field} is out of range`);
  }
  return isNegative ? -value - 1 : value;
}

/**
 * Reads a number of a header: octal digits between blanks and NULs, nothing else, or base 256. A blank field is 0.
 * InvalidArgument for anything else and beyond the safe integers.
 */
export function parseNumber(block: Buffer, start: number, length: number, field: string): number {
  let end = start + length;
  if (((block[start] ?? 0) & 0x80) !== 0) return parseBase256(block, start, end, field);
  let at = start;
  while (at < end && isBlank(block[at])) at += 1;
  while (end > at && isBlank(block[end - 1])) end -= 1;
  let value = 0;
  for (; at < end; at += 1) {
    const byte = block[at] ?? 0;
    // What follows a NUL is left over from what was there before, POSIX calls it undefined.
    if (byte === 0) break;
    if (byte < zero || byte > seven) throw badTar(`${field} is no number`);
    value = value * 8 + (byte - zero);
  }
  // Twelve digits at most.
  return value;
}
