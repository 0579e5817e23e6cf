import { parseNumber } from "./number-field.ts";
import { badTar } from "./tar-error.ts";

/** Bytes of a block: headers are one, data is padded to it. */
export const blockBytes = 512;

/** What one header block says by itself. */
export interface HeaderBlock {
  /** The type flag's byte. */
  readonly flag: number;
  readonly path: Buffer;
  readonly linkPath: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

const checksumAt = 148;
const slash = 0x2f;
const noBytes = Buffer.alloc(0);

/** Whether there is nothing in a block: two of them end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  for (let at = 0; at < blockBytes; at += 1) if (block[at] !== 0) return false;
  return true;
}

/** The sum of all bytes, the field of the sum itself counted as blanks. Some old programs took bytes as signed. */
function verifyChecksum(block: Buffer): void {
  let sum = 8 * 0x20;
  let high = 0;
  for (let at = 0; at < blockBytes; at += 1) {
    const byte = block[at] as number;
    sum += byte;
    high += byte >> 7;
  }
  for (let at = checksumAt; at < checksumAt + 8; at += 1) {
    const byte = block[at] as number;
    sum -= byte;
    high -= byte >> 7;
  }
  const expected = parseNumber(block, checksumAt, 8, "the checksum of a header");
  if (expected !== sum && expected !== sum - 256 * high) throw badTar("a header has a wrong checksum");
}

function textField(block: Buffer, start: number, length: number): Buffer {
  let end = start;
  while (end < start + length && block[end] !== 0) end += 1;
  return end === start ? noBytes : block.subarray(start, end);
}

/** POSIX' magic is "ustar\0"; GNU's is "ustar " and has other fields where POSIX has the prefix. */
function prefixOf(block: Buffer): Buffer {
  const isPosix = block[262] === 0;
  if (!isPosix) return noBytes;
  // Schilling's old format ends with "tar\0" and has times in the last 24 bytes of the prefix.
  const isStar = block.toString("latin1", 508, 512) === "tar\0";
  return textField(block, 345, isStar ? 131 : 155);
}

function hasUstarMagic(block: Buffer): boolean {
  return block.toString("latin1", 257, 262) === "ustar";
}

/** Reads a header block (POSIX ustar, "tar Interchange Format"; GNU tar manual, "Basic Tar Format"). InvalidArgument. */
export function parseHeaderBlock(block: Buffer): HeaderBlock {
  verifyChecksum(block);
  const isUstar = hasUstarMagic(block);
  const name = textField(block, 0, 100);
  const prefix = isUstar ? prefixOf(block) : noBytes;
  const size = parseNumber(block, 124, 12, "the size of an entry");
  if (size < 0) throw badTar("an entry has a negative size");
  return {
    flag: block[156] as number,
    path: prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.of(slash), name]),
    linkPath: textField(block, 157, 100),
    mode: parseNumber(block, 100, 8, "the mode of an entry"),
    uid: parseNumber(block, 108, 8, "the owner of an entry"),
    gid: parseNumber(block, 116, 8, "the group of an entry"),
    size,
    mtime: parseNumber(block, 136, 12, "the time of an entry"),
    deviceMajor: isUstar ? parseNumber(block, 329, 8, "the device of an entry") : 0,
    deviceMinor: isUstar ? parseNumber(block, 337, 8, "the device of an entry") : 0,
  };
}
