import { badTar } from "./tar-error.ts";
import type { TarTime, TarXattr } from "./types.ts";

/** What the records of a PAX header say about the next entry. */
export interface PaxRecords {
  path?: Buffer;
  linkPath?: Buffer;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: TarTime;
  atime?: TarTime;
  /** By name, each of its bytes one character. */
  xattrs?: Map<string, TarXattr>;
  /** GNU's records on sparse files. */
  sparse?: PaxSparse;
}

export interface PaxSparse {
  major?: string;
  minor?: string;
  name?: Buffer;
  realSize?: number;
  /** Version 0.1: numbers between commas. */
  map?: Buffer;
  /** Version 0.0: offset and length by turns. */
  numbers?: number[];
}

const newline = 0x0a;
const blank = 0x20;
const equals = 0x3d;
const xattrPrefix = "SCHILY.xattr.";

/** A whole number of decimal digits. InvalidArgument for anything else and beyond the safe integers. */
export function parseDecimal(value: Buffer, field: string): number {
  const text = value.toString("latin1", 0, 20);
  const number = Number(text);
  if (value.length > 16 || !/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw badTar(`${field} is no number`);
  return number;
}

/** Seconds with a fraction, also negative ones. */
function parseTime(value: Buffer): TarTime {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value.toString("latin1", 0, 64));
  if (match === null || value.length > 64) throw badTar("a time in a PAX header is no number");
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - whole, nanoseconds }
    : { seconds: -whole - 1, nanoseconds: 1e9 - nanoseconds };
}

function parsePath(value: Buffer, field: string): Buffer {
  // The kernel would end the name there, and use another than was checked.
  if (value.includes(0)) throw badTar(`${field} in a PAX header has a NUL`);
  return value;
}

function setSparse(records: PaxRecords, key: string, value: Buffer): void {
  const sparse = (records.sparse ??= {});
  switch (key) {
    case "major":
      sparse.major = value.toString("latin1", 0, 8);
      break;
    case "minor":
      sparse.minor = value.toString("latin1", 0, 8);
      break;
    case "name":
      sparse.name = parsePath(value, "a path");
      break;
    case "size":
    case "realsize":
      sparse.realSize = parseDecimal(value, "the size of a sparse file");
      break;
    case "map":
      sparse.map = value;
      break;
    case "offset":
    case "numbytes": {
      const numbers = (sparse.numbers ??= []);
      if (numbers.length % 2 !== (key === "offset" ? 0 : 1)) throw badTar("a sparse map is out of order");
      numbers.push(parseDecimal(value, "a sparse map"));
      break;
    }
    default: // `numblocks`: the numbers themselves tell.
  }
}

/** Records that stand for a field of the header. An empty value means the header's own (POSIX pax, "Extended Header"). */
function setField(records: PaxRecords, key: string, value: Buffer): boolean {
  switch (key) {
    case "path":
      if (value.length > 0) records.path = parsePath(value, "a path");
      return true;
    case "linkpath":
      if (value.length > 0) records.linkPath = parsePath(value, "a link");
      return true;
    case "size":
      if (value.length > 0) records.size = parseDecimal(value, "a size in a PAX header");
      return true;
    case "uid":
      if (value.length > 0) records.uid = parseDecimal(value, "an owner in a PAX header");
      return true;
    case "gid":
      if (value.length > 0) records.gid = parseDecimal(value, "a group in a PAX header");
      return true;
    case "mtime":
      if (value.length > 0) records.mtime = parseTime(value);
      return true;
    case "atime":
      if (value.length > 0) records.atime = parseTime(value);
      return true;
    default:
      return false;
  }
}

function setRecord(records: PaxRecords, key: Buffer, value: Buffer): void {
  if (key.includes(0)) throw badTar("a name in a PAX header has a NUL");
  const name = key.toString("latin1");
  if (setField(records, name, value)) return;
  if (name.startsWith("GNU.sparse.")) setSparse(records, name.slice("GNU.sparse.".length), value);
  else if (name.startsWith(xattrPrefix)) {
    (records.xattrs ??= new Map()).set(name, { name: key.subarray(xattrPrefix.length), value });
  }
}

/** Where the record that starts at `start` ends: it begins with its own length in decimal digits. */
function recordEnd(data: Buffer, start: number): { readonly keyAt: number; readonly end: number } {
  let at = start;
  let length = 0;
  for (; at < data.length && at - start < 8; at += 1) {
    const digit = (data[at] as number) - 0x30;
    if (digit < 0 || digit > 9) break;
    length = length * 10 + digit;
  }
  const end = start + length;
  const isWhole = at > start && data[at] === blank && end > at + 1 && end <= data.length && data[end - 1] === newline;
  if (!isWhole) throw badTar("a PAX header has a record of a wrong length");
  return { keyAt: at + 1, end };
}

/**
 * Reads the records of a PAX header (POSIX pax, "pax Extended Header"); of a repeated one the last counts. Values are parts of
 * `data`, not copies. InvalidArgument for one that breaks its form; unknown ones are passed over.
 */
export function parsePaxRecords(data: Buffer): PaxRecords {
  const records: PaxRecords = {};
  for (let start = 0; start < data.length;) {
    const { keyAt, end } = recordEnd(data, start);
    const record = data.subarray(keyAt, end - 1);
    const split = record.indexOf(equals);
    if (split <= 0) throw badTar("a PAX header has a record without a name");
    setRecord(records, record.subarray(0, split), record.subarray(split + 1));
    start = end;
  }
  return records;
}
