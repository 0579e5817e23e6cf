import { blockBytes, type HeaderBlock, isZeroBlock, parseHeaderBlock } from "./header-block.ts";
import { type PaxRecords, parsePaxRecords } from "./pax-records.ts";
import { LeadingSparseMap, OldSparseMap, paxSparseMap } from "./sparse-map.ts";
import { badTar, quoteName, tarLimit } from "./tar-error.ts";
import type { TarEntry, TarEntryType, TarLimits, TarSink, TarSparseMap } from "./types.ts";

/** What the next bytes are. */
type State = "header" | "meta" | "old-map" | "leading-map" | "data" | "end";

const types: Readonly<Record<string, TarEntryType>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  S: "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};
const slash = 0x2f;
/** -1 is "leave it as it is" to the kernel. */
const maximumId = 2 ** 32 - 2;
const noBytes = Buffer.alloc(0);
const noPax: PaxRecords = {};

/**
 * Reads a tar archive (ustar, PAX, GNU, the seventh edition's) from chunks of any size and hands what it finds to a sink, in the
 * same call: nothing is kept but a partial header. It follows the reading of Go's archive/tar, which is what wrote and reads nearly all
 * images: no data follows other types than files, global PAX headers have no effect, one block of zeros within an archive is an error, what
 * follows two of them is ignored. `push` and `finish` throw InvalidArgument for what is no archive, ResourceExhausted above
 * a limit, and whatever the sink throws; after that the reader is of no more use.
 */
export class TarReader {
  readonly #sink: TarSink;
  readonly #limits: TarLimits;
  readonly #block: Buffer = Buffer.alloc(blockBytes);
  #blockFill = 0;
  #state: State = "header";
  #zeroBlocks = 0;
  #headers = 0;
  /** Bytes to come of the data or meta header, and then of its padding. */
  #remaining = 0;
  #padding = 0;
  #meta: Buffer = noBytes;
  #metaFlag = "";
  #pax: PaxRecords | undefined;
  #longPath: Buffer | undefined;
  #longLink: Buffer | undefined;
  /** Of a sparse file whose map is being read. */
  #header: HeaderBlock | undefined;
  #oldMap: OldSparseMap | undefined;
  #leadingMap: LeadingSparseMap | undefined;

  constructor(sink: TarSink, limits: TarLimits) {
    this.#sink = sink;
    this.#limits = limits;
  }

  /** Whether the archive has ended; what is pushed from then on is ignored. */
  get hasEnded(): boolean {
    return this.#state === "end";
  }

  /** Reads a chunk, to its end. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "end") {
      if (this.#remaining > 0) at = this.#takeData(chunk, at);
      else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, chunk.length - at);
        this.#padding -= skipped;
        at += skipped;
      } else at = this.#takeBlock(chunk, at);
    }
  }

  /** Says that there are no more chunks. InvalidArgument when something is missing. */
  finish(): void {
    if (this.#state === "end") return;
    const isBetween = this.#state === "header" && this.#blockFill === 0 && this.#remaining + this.#padding === 0;
    if (!isBetween || this.#hasMeta()) throw badTar("it ends in the middle of an entry");
  }

  #hasMeta(): boolean {
    return this.#pax !== undefined || this.#longPath !== undefined || this.#longLink !== undefined;
  }

  #takeData(chunk: Buffer, at: number): number {
    const end = at + Math.min(this.#remaining, chunk.length - at);
    if (this.#state === "meta") chunk.copy(this.#meta, this.#meta.length - this.#remaining, at, end);
    else this.#sink.data(chunk, at, end);
    this.#remaining -= end - at;
    if (this.#remaining === 0) this.#endData();
    return end;
  }

  #endData(): void {
    if (this.#state === "meta") this.#endMeta();
    else this.#sink.endOfFile();
    this.#state = "header";
  }

  #takeBlock(chunk: Buffer, at: number): number {
    if (this.#blockFill === 0 && chunk.length - at >= blockBytes) {
      this.#readBlock(chunk.subarray(at, at + blockBytes));
      return at + blockBytes;
    }
    const end = at + Math.min(blockBytes - this.#blockFill, chunk.length - at);
    chunk.copy(this.#block, this.#blockFill, at, end);
    this.#blockFill += end - at;
    if (this.#blockFill === blockBytes) {
      this.#blockFill = 0;
      this.#readBlock(this.#block);
    }
    return end;
  }

  #readBlock(block: Buffer): void {
    if (this.#state === "old-map") this.#readOldMap(block);
    else if (this.#state === "leading-map") this.#readLeadingMap(block);
    else this.#readHeader(block);
  }

  #readHeader(block: Buffer): void {
    if (block[0] === 0 && isZeroBlock(block)) {
      if (this.#hasMeta()) throw badTar("it ends in the middle of an entry");
      this.#zeroBlocks += 1;
      if (this.#zeroBlocks === 2) this.#state = "end";
      return;
    }
    if (this.#zeroBlocks > 0) throw badTar("something follows a block of zeros");
    this.#headers += 1;
    if (this.#headers > this.#limits.headers) throw tarLimit(`more than ${this.#limits.headers} headers`);
    const header = parseHeaderBlock(block);
    const flag = String.fromCharCode(header.flag);
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K") this.#startMeta(header, flag);
    else if (flag === "S") this.#startOldSparse(header, block);
    else this.#startEntry(header);
  }

  #startMeta(header: HeaderBlock, flag: string): void {
    const limit = this.#limits.headerBytes;
    if (header.size > limit) throw tarLimit(`a header of ${header.size} bytes, more than ${limit}`);
    this.#metaFlag = flag;
    this.#meta = Buffer.allocUnsafeSlow(header.size);
    this.#state = "meta";
    this.#setLength(header.size);
    if (header.size === 0) this.#endData();
  }

  #setLength(bytes: number): void {
    this.#remaining = bytes;
    this.#padding = (blockBytes - (bytes % blockBytes)) % blockBytes;
  }

  #endMeta(): void {
    const data = this.#meta;
    this.#meta = noBytes;
    if (this.#metaFlag === "x") this.#pax = parsePaxRecords(data);
    // A global header is checked for form only; no builder of images writes one that means something.
    else if (this.#metaFlag === "g") parsePaxRecords(data);
    else {
      const end = data.indexOf(0);
      const name = end < 0 ? data : data.subarray(0, end);
      if (this.#metaFlag === "L") this.#longPath = name;
      else this.#longLink = name;
    }
  }

  #startOldSparse(header: HeaderBlock, block: Buffer): void {
    this.#oldMap = new OldSparseMap(block, this.#limits.headerBytes);
    if (!this.#oldMap.isExtended) return this.#startEntry(header);
    this.#header = copyHeader(header);
    this.#state = "old-map";
  }

  #readOldMap(block: Buffer): void {
    this.#oldMap?.extend(block);
    if (this.#oldMap?.isExtended !== true) this.#startEntry(this.#header as HeaderBlock);
  }

  #readLeadingMap(block: Buffer): void {
    const map = this.#leadingMap as LeadingSparseMap;
    if (map.extend(block)) this.#startEntry(this.#header as HeaderBlock);
    else if (map.bytes >= this.#dataBytes(this.#header as HeaderBlock)) throw badTar("a sparse map is incomplete");
  }

  #dataBytes(header: HeaderBlock): number {
    return this.#pax?.size ?? header.size;
  }

  /** True when the entry's map stands before its data and has to be read first. */
  #startLeadingMap(header: HeaderBlock): boolean {
    const sparse = this.#pax?.sparse;
    if (sparse?.major !== "1" || sparse.minor !== "0" || this.#leadingMap !== undefined) return false;
    if (sparse.realSize === undefined) throw badTar("a sparse file has no size");
    this.#leadingMap = new LeadingSparseMap(sparse.realSize, this.#limits.headerBytes);
    this.#header = copyHeader(header);
    this.#state = "leading-map";
    return true;
  }

  #sparseMap(dataBytes: number): TarSparseMap | undefined {
    if (this.#oldMap !== undefined) return this.#oldMap.finish(dataBytes);
    if (this.#leadingMap !== undefined) return this.#leadingMap.finish(dataBytes);
    return this.#pax?.sparse === undefined ? undefined : paxSparseMap(this.#pax.sparse, dataBytes);
  }

  #startEntry(header: HeaderBlock): void {
    const path = this.#longPath ?? this.#pax?.sparse?.name ?? this.#pax?.path ?? header.path;
    const type = typeOf(header, path);
    if (type === "file" && this.#startLeadingMap(header)) return;
    const dataBytes = type === "file" ? this.#dataBytes(header) : 0;
    const sparse = type === "file" ? this.#sparseMap(dataBytes) : undefined;
    const size = dataBytes - (this.#leadingMap?.bytes ?? 0);
    const linkPath = this.#longLink ?? this.#pax?.linkPath ?? header.linkPath;
    const entry = makeEntry(header, this.#pax ?? noPax, { type, path, linkPath, size }, sparse);
    this.#forgetMeta();
    this.#setLength(size);
    this.#state = "data";
    this.#sink.entry(entry);
    if (size > 0) return;
    this.#state = "header";
    if (type === "file") this.#sink.endOfFile();
  }

  #forgetMeta(): void {
    this.#pax = undefined;
    this.#longPath = undefined;
    this.#longLink = undefined;
    this.#oldMap = undefined;
    this.#leadingMap = undefined;
    this.#header = undefined;
  }
}

/** A header whose bytes outlive the chunk. */
function copyHeader(header: HeaderBlock): HeaderBlock {
  return { ...header, path: Buffer.from(header.path), linkPath: Buffer.from(header.linkPath) };
}

function typeOf(header: HeaderBlock, path: Buffer): TarEntryType {
  const type = types[String.fromCharCode(header.flag)];
  if (type === undefined) {
    const flag = JSON.stringify(String.fromCharCode(header.flag));
    throw badTar(`entry ${quoteName(path)} has the unknown type ${flag}`);
  }
  // Before POSIX, a slash at its end was all that told a directory.
  return header.flag === 0 && path[path.length - 1] === slash ? "directory" : type;
}

function checkedId(id: number, what: string, path: Buffer): number {
  if (id < 0 || id > maximumId) throw badTar(`entry ${quoteName(path)} has ${what} ${id}`);
  return id;
}

function makeEntry(
  header: HeaderBlock,
  pax: PaxRecords,
  part: Pick<TarEntry, "type" | "path" | "linkPath" | "size">,
  sparse: TarSparseMap | undefined,
): TarEntry {
  const mtime = pax.mtime ?? { seconds: header.mtime, nanoseconds: 0 };
  return {
    ...part,
    mode: header.mode & 0o7777,
    uid: checkedId(pax.uid ?? header.uid, "owner", part.path),
    gid: checkedId(pax.gid ?? header.gid, "group", part.path),
    mtime,
    atime: pax.atime ?? mtime,
    deviceMajor: header.deviceMajor,
    deviceMinor: header.deviceMinor,
    xattrs: pax.xattrs === undefined ? noXattrs : [...pax.xattrs.values()],
    ...(sparse === undefined ? undefined : { sparse }),
  };
}

const noXattrs: TarEntry["xattrs"] = [];
