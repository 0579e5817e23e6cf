import { type HeaderFields, padding, sealed, tarHeader, typeFlags } from "./tar-header.ts";

/** One entry of a layer. Names may be any bytes. */
export interface TarEntry {
  readonly name: string | Buffer;
  /** Default: `file`; or the flag itself, such as `"Z"`. */
  readonly type?: keyof typeof typeFlags | (string & {});
  /** Default: 0755 of a directory, 0777 of a symbolic link, 0644 of all else. */
  readonly mode?: number;
  /** Default: 0. */
  readonly uid?: number;
  /** Default: 0. */
  readonly gid?: number;
  /** Seconds; a fraction makes a PAX record. Default: 1,700,000,000. */
  readonly mtime?: number;
  readonly linkname?: string | Buffer;
  readonly content?: string | Buffer;
  readonly major?: number;
  readonly minor?: number;
  /** Extended attributes, as `SCHILY.xattr` records. */
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
  /** PAX records beside those that the entry needs anyway. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** How names longer than a header holds are told. Default: `pax`. */
  readonly longNames?: "pax" | "gnu" | "cut";
  /** What the header says of the size. Default: the length of the content. */
  readonly size?: number;
  /** Changes the finished header; the checksum is made after it. */
  readonly change?: (header: Buffer) => void;
}

/** Entries in order; a buffer goes into the archive as it is. */
export type TarPart = TarEntry | Buffer;

/** When the files of a test were last changed, unless it says otherwise. */
export const defaultMtime = 1_700_000_000;

const longest = 100;

/** An archive of these entries, always the same bytes for the same entries. `end: false` leaves out the two empty blocks. */
export function tarArchive(parts: Iterable<TarPart>, { end = true }: { readonly end?: boolean } = {}): Buffer {
  const blocks: Buffer[] = [];
  for (const part of parts) blocks.push(...(Buffer.isBuffer(part) ? [part] : entryBlocks(part)));
  if (end) blocks.push(Buffer.alloc(1024));
  return Buffer.concat(blocks);
}

/** PAX records as they stand in an extended header; each counts its own length. */
export function paxRecords(records: Readonly<Record<string, string | Buffer>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const body = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from("\n")]);
      let length = body.length + 1;
      while (`${length}`.length + body.length !== length) length = `${length}`.length + body.length;
      return Buffer.concat([Buffer.from(`${length}`), body]);
    }),
  );
}

/** An extended header with these bytes as its records, which need not be records at all. */
export function paxHeader(records: Buffer, typeFlag: string = typeFlags.pax): Buffer {
  return special(typeFlag, "PaxHeaders/entry", records);
}

function entryBlocks(entry: TarEntry): readonly Buffer[] {
  const name = bytesOf(entry.name);
  const linkname = bytesOf(entry.linkname ?? "");
  const content = bytesOf(entry.content ?? "");
  const header = tarHeader(fieldsOf(entry, name, linkname, content.length));
  if (entry.change) {
    entry.change(header);
    sealed(header);
  }
  return [...longNameBlocks(entry, name, linkname), header, content, padding(content.length)];
}

function fieldsOf(entry: TarEntry, name: Buffer, linkname: Buffer, length: number): HeaderFields {
  const { type = "file", uid = 0, gid = 0, mtime = defaultMtime, major, minor } = entry;
  const mode = entry.mode ?? (type === "directory" ? 0o755 : type === "symlink" ? 0o777 : 0o644);
  return {
    name,
    linkname,
    typeFlag: typeFlags[type as keyof typeof typeFlags] ?? type,
    mode,
    uid,
    gid,
    size: entry.size ?? length,
    mtime: Math.floor(mtime),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
  };
}

/** The headers that go before an entry's own. */
function longNameBlocks(entry: TarEntry, name: Buffer, linkname: Buffer): readonly Buffer[] {
  const { mtime = defaultMtime, longNames = "pax", xattrs = {}, pax = {} } = entry;
  const records: Record<string, string | Buffer> = { ...pax };
  for (const [key, value] of Object.entries(xattrs)) records[`SCHILY.xattr.${key}`] = value;
  if (!Number.isInteger(mtime)) records["mtime"] = `${mtime}`;
  const blocks: Buffer[] = [];
  if (longNames === "gnu") {
    const long = (flag: string, value: Buffer): Buffer =>
      special(flag, "././@LongLink", Buffer.concat([value, Buffer.alloc(1)]));
    if (linkname.length > longest) blocks.push(long(typeFlags.gnuLongLink, linkname));
    if (name.length > longest) blocks.push(long(typeFlags.gnuLongName, name));
  } else if (longNames === "pax") {
    if (name.length > longest) records["path"] ??= name;
    if (linkname.length > longest) records["linkpath"] ??= linkname;
  }
  if (Object.keys(records).length > 0) blocks.push(paxHeader(paxRecords(records)));
  return blocks;
}

function special(typeFlag: string, name: string, content: Buffer): Buffer {
  const header = tarHeader({
    name: Buffer.from(name),
    typeFlag,
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0,
  });
  return Buffer.concat([header, content, padding(content.length)]);
}

function bytesOf(value: string | Buffer): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value);
}
