const blockBytes = 512;
/** The largest number of eleven octal digits. */
const octalLimit = 0o77777777777;
const nameLimit = 100;

/** An entry to write. Times and owners are 0, so that equal archives are equal bytes. */
export interface TarHeader {
  readonly name: string;
  readonly type: "file" | "directory" | "link" | "symlink";
  /** Bytes of data that follow. Default 0. */
  readonly size?: number;
  readonly link?: string;
  /** Default 0o755 for directories, 0o644 for all else. */
  readonly mode?: number;
}

const flags = { file: "0", link: "1", symlink: "2", directory: "5" } as const;

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, "0")}\0`;
}

function block(name: string, flag: string, size: number, link: string, mode: number): Buffer {
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0, nameLimit, "utf8");
  header.write(octal(mode, 8), 100, "latin1");
  header.write(octal(0, 8) + octal(0, 8), 108, "latin1");
  header.write(octal(size, 12) + octal(0, 12), 124, "latin1");
  header.write(" ".repeat(8), 148, "latin1");
  header.write(flag, 156, "latin1");
  header.write(link, 157, nameLimit, "utf8");
  header.write("ustar\x0000", 257, "latin1");
  header.write(octal(0, 8) + octal(0, 8), 329, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

function defaultMode(type: TarHeader["type"]): number {
  return type === "directory" ? 0o755 : 0o644;
}

/** Its length counts itself (POSIX pax, "Extended Header"). */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + 1;
  while (String(length).length + bytes !== length) length += 1;
  return `${length}${rest}`;
}

/** Bytes that fill the last block of an entry's data. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((blockBytes - (size % blockBytes)) % blockBytes);
}

/** What ends an archive. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}

/** The header of an entry (POSIX ustar), after a PAX header where a name or the size does not fit into it. */
export function tarHeader({ name, type, size = 0, link = "", mode = defaultMode(type) }: TarHeader): Buffer {
  const records = [
    ...(Buffer.byteLength(name) > nameLimit ? [paxRecord("path", name)] : []),
    ...(Buffer.byteLength(link) > nameLimit ? [paxRecord("linkpath", link)] : []),
    ...(size > octalLimit ? [paxRecord("size", String(size))] : []),
  ];
  const header = block(name, flags[type], size > octalLimit ? 0 : size, link, mode);
  if (records.length === 0) return header;
  const data = Buffer.from(records.join(""));
  return Buffer.concat([block("pax", "x", data.length, "", 0o644), data, tarPadding(data.length), header]);
}
