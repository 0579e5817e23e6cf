/** Fields of a header to write; numbers that a text has already are written as they are. */
export interface HeaderFields {
  readonly path: string | Buffer;
  /** Default "0", a file. */
  readonly flag?: string;
  readonly linkPath?: string | Buffer;
  readonly mode?: number | Buffer;
  readonly uid?: number | Buffer;
  readonly gid?: number | Buffer;
  readonly size?: number | Buffer;
  readonly mtime?: number | Buffer;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  /** Bytes to set afterwards, before the checksum is made. */
  readonly patch?: (header: Buffer) => void;
}

function octal(value: number | Buffer, length: number): Buffer {
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(`${value.toString(8).padStart(length - 1, "0")}\0`);
}

/** Writes the checksum that belongs to a header. */
export function setChecksum(header: Buffer): void {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}

/** One header block, POSIX ustar. */
export function tarHeader(fields: HeaderFields): Buffer {
  const header = Buffer.alloc(512);
  Buffer.from(fields.path as string).copy(header, 0, 0, 100);
  octal(fields.mode ?? 0o644, 8).copy(header, 100);
  octal(fields.uid ?? 0, 8).copy(header, 108);
  octal(fields.gid ?? 0, 8).copy(header, 116);
  octal(fields.size ?? 0, 12).copy(header, 124);
  octal(fields.mtime ?? 1_700_000_000, 12).copy(header, 136);
  header.write(fields.flag ?? "0", 156, "latin1");
  Buffer.from((fields.linkPath ?? "") as string).copy(header, 157, 0, 100);
  header.write("ustar\u000000", 257);
  octal(fields.deviceMajor ?? 0, 8).copy(header, 329);
  octal(fields.deviceMinor ?? 0, 8).copy(header, 337);
  fields.patch?.(header);
  setChecksum(header);
  return header;
}

/** Data with what pads it to a block. */
export function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);
}

/** An entry with its data. */
export function tarEntry(fields: HeaderFields, data: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(data as string);
  return Buffer.concat([tarHeader({ size: bytes.length, ...fields }), padded(bytes)]);
}

/** One record of a PAX header. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/** A PAX header for the next entry, or with the flag "g" a global one. */
export function paxHeader(records: readonly (readonly [string, string | Buffer])[], flag = "x"): Buffer {
  return tarEntry({ path: "PaxHeaders/x", flag }, Buffer.concat(records.map(([key, value]) => paxRecord(key, value))));
}

/** The two blocks that end an archive. */
export const tarEnd: Buffer = Buffer.alloc(1024);

/** A whole archive of these parts. */
export function makeTar(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, tarEnd]);
}
