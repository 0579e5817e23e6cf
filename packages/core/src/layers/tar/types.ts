/** What an entry of an archive is. Contiguous files are files. */
export type TarEntryType = "file" | "link" | "symlink" | "character" | "block" | "directory" | "fifo";

/** A point in time: `nanoseconds` is 0 to 999,999,999 and counts upwards, also before 1970. */
export interface TarTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** An extended attribute of a PAX record `SCHILY.xattr.NAME`; both are bytes. */
export interface TarXattr {
  readonly name: Buffer;
  readonly value: Buffer;
}

/** A file with holes. */
export interface TarSparseMap {
  /** Bytes of the file with its holes. */
  readonly size: number;
  /** Pairs of offset and length of what is data, ascending, within `size`; the lengths add up to the entry's `size`. */
  readonly regions: Float64Array;
}

/**
 * An entry of an archive, checked for form, not for sense: names may be absolute, hold `..`, or name nothing.
 * Paths are bytes without NUL. All of it is hostile input.
 */
export interface TarEntry {
  readonly type: TarEntryType;
  /** May lie in the chunk that is being read: valid during the call it is handed to. */
  readonly path: Buffer;
  /** Of a hard or symbolic link what it leads to; otherwise empty. Valid as `path` is. */
  readonly linkPath: Buffer;
  /** Bytes of data that follow; 0 unless it is a file. */
  readonly size: number;
  /** Permission, set-id and sticky bits. */
  readonly mode: number;
  /** 0 to 2^32 - 2, as are group ids. */
  readonly uid: number;
  readonly gid: number;
  readonly mtime: TarTime;
  /** The modification time where the archive has none. */
  readonly atime: TarTime;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly TarXattr[];
  readonly sparse?: TarSparseMap;
}

/** Takes what a `TarReader` reads, in the archive's order. What a method throws ends `push`. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** Data of the entry before: `chunk` from `start` to `end`, valid during the call. Never empty. */
  data(chunk: Buffer, start: number, end: number): void;
  /** All data of a file is there; for other types it is not called. */
  endOfFile(): void;
}

/** What an archive may make its reader hold or do. */
export interface TarLimits {
  /** Headers, those of PAX and GNU for long names included. */
  readonly headers: number;
  /** Bytes of one PAX header, GNU long name or sparse map, which are held in memory. */
  readonly headerBytes: number;
}
