const blockBytes = 512;
/** The largest number of eleven octal digits, and of seven. */
const octalLimit = 0o77777777777;
const shortLimit = 0o7777777;
const nameLimit = 100;

/** An entry to write. Times and owners are 0 unless given, so that equal archives are equal bytes. */
export interface TarHeader {
  /** Bytes where they may be no text. */
  readonly name: string | Buffer;
  readonly type: "file" | "directory" | "link" | "symlink" | "character" | "block" | "fifo";
  /** Bytes of data that follow. Default 0. */
  readonly size?: number;
  readonly link?: string | Buffer;
  /** Default 0o755 for directories, 0o644 for all else. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: { readonly seconds: number; readonly nanoseconds: number };
  readonly device?: { readonly major: number; readonly minor: number };
  /** Further PAX records. */
  readonly records?: readonly (readonly [key: string, value: string | Buffer])[];
}

type Fields = Required<Omit<TarHeader, "type" | "mtime" | "device" | "records">> & {
  readonly flag: string;
  readonly seconds: number;
  readonly major: number;
  readonly minor: number;
};

const flags = { file: "0", link: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" } as const;
const paxFields = { link: "", mode: 0o644, uid: 0, gid: 0, seconds: 0, major: 0, minor: 0 };

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

function block(fields: Fields): Buffer {
  const header = Buffer.alloc(blockBytes);
  Buffer.from(fields.name as string).copy(header, 0, 0, nameLimit);
  header.write(octal(fields.mode, 8), 100, "latin1");
  header.write(octal(fitted(fields.uid, shortLimit), 8) + octal(fitted(fields.gid, shortLimit), 8), 108, "latin1");
  header.write(
    octal(fitted(fields.size, octalLimit), 12) + octal(fitted(fields.seconds, octalLimit), 12),
    124,
    "latin1",
  );
  header.write(" ".repeat(8), 148, "latin1");
  header.write(fields.flag, 156, "latin1");
  Buffer.from(fields.link as string).copy(header, 157, 0, nameLimit);
  header.write("ustar\x0000", 257, "latin1");
  header.write(octal(fitted(fields.major, shortLimit), 8) + octal(fitted(fields.minor, shortLimit), 8), 329, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** What does not fit is 0, and in a PAX record. */
function fitted(value: number, limit: number): number {
  return value >= 0 && value <= limit ? value : 0;
}

function defaultMode(type: TarHeader["type"]): number {
  return type === "directory" ? 0o755 : 0o644;
}

/** Its length counts itself (POSIX pax, "Extended Header"). */
function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  const bytes = rest.length;
  let length = bytes + 1;
  while (String(length).length + bytes !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** Bytes that fill the last block of an entry's data. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}

/** The header of an entry (POSIX ustar), after a PAX header where a value does not fit into it. */
export function tarHeader(header: TarHeader): Buffer {
  const { name, type, size = 0, link = "", mode = defaultMode(type), uid = 0, gid = 0, mtime, device } = header;
  const { seconds = 0, nanoseconds = 0 } = mtime ?? {};
  const records = [
    ...(Buffer.byteLength(name) > nameLimit ? [paxRecord("path", name)] : []),
    ...(Buffer.byteLength(link) > nameLimit ? [paxRecord("linkpath", link)] : []),
    ...(size > octalLimit ? [paxRecord("size", String(size))] : []),
    ...(uid > shortLimit ? [paxRecord("uid", String(uid))] : []),
    ...(gid > shortLimit ? [paxRecord("gid", String(gid))] : []),
    ...(nanoseconds > 0 || fitted(seconds, octalLimit) !== seconds ? [paxRecord("mtime", timeText(header))] : []),
    ...(header.records ?? []).map(([key, value]) => paxRecord(key, value)),
  ];
  const { major = 0, minor = 0 } = device ?? {};
  const own = block({ name, flag: flags[type], size, link, mode, uid, gid, seconds, major, minor });
  if (records.length === 0) return own;
  const data = Buffer.concat(records);
  const pax = block({ ...paxFields, name: "pax", flag: "x", size: data.length });
  return Buffer.concat([pax, data, tarPadding(data.length), own]);
}

/** Seconds with a fraction; nanoseconds count upwards also before 1970. */
function timeText({ mtime }: TarHeader): string {
  const { seconds = 0, nanoseconds = 0 } = mtime ?? {};
  const isBefore = seconds < 0 && nanoseconds > 0;
  const fraction = isBefore ? 1_000_000_000 - nanoseconds : nanoseconds;
  const whole = isBefore ? seconds + 1 : seconds;
  return `${isBefore && whole === 0 ? "-" : ""}${whole}.${String(fraction).padStart(9, "0")}`;
}
