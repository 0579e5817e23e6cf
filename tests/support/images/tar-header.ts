/** Type flags of tar headers (POSIX pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"). */
export const typeFlags = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  gnuLongLink: "K",
  gnuLongName: "L",
  gnuSparse: "S",
  globalPax: "g",
  pax: "x",
} as const;

/** What a header of 512 bytes says. Nothing is checked: a test may want it wrong. */
export interface HeaderFields {
  /** Cut off after 100 bytes. */
  readonly name: Buffer;
  /** Cut off after 100 bytes. */
  readonly linkname?: Buffer;
  readonly typeFlag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Whole seconds. */
  readonly mtime: number;
  readonly major?: number;
  readonly minor?: number;
}

const blockBytes = 512;

/** A header with the right checksum; numbers that octal digits cannot say are in base 256, as GNU tar has them. */
export function tarHeader(fields: HeaderFields): Buffer {
  const header = Buffer.alloc(blockBytes);
  fields.name.copy(header, 0, 0, 100);
  putNumber(header, 100, 8, fields.mode);
  putNumber(header, 108, 8, fields.uid);
  putNumber(header, 116, 8, fields.gid);
  putNumber(header, 124, 12, fields.size);
  putNumber(header, 136, 12, fields.mtime);
  header.write(fields.typeFlag, 156, 1, "latin1");
  fields.linkname?.copy(header, 157, 0, 100);
  header.write("ustar\x0000", 257, "latin1");
  if (fields.major !== undefined) putNumber(header, 329, 8, fields.major);
  if (fields.minor !== undefined) putNumber(header, 337, 8, fields.minor);
  return sealed(header);
}

/** Writes the checksum that a header needs, in place. */
export function sealed(header: Buffer): Buffer {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Fills a field with a number: octal digits and a NUL where it fits, else two's complement after a first byte of 0x80 or 0xff. */
export function putNumber(header: Buffer, offset: number, length: number, value: number): void {
  const digits = value.toString(8);
  if (value >= 0 && digits.length < length) {
    header.write(`${digits.padStart(length - 1, "0")}\0`, offset, "latin1");
    return;
  }
  let rest = BigInt(value);
  for (let at = offset + length - 1; at > offset; at--) {
    header[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  header[offset] = value < 0 ? 0xff : 0x80;
}

/** What has to follow `length` bytes of content to fill the last block. */
export function padding(length: number): Buffer {
  return Buffer.alloc((blockBytes - (length % blockBytes)) % blockBytes);
}
