import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, statx } from "./tree-calls.ts";
import type { TreeTime } from "./tree-metadata.ts";

/** `STATX_BASIC_STATS`. */
const basicStats = 0x7ff;
const typeMask = 0o170000;
const noName = Buffer.from("\0");

/** Values of `FileStatus.type`, `S_IF*` of inode(7). */
export const FileType = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  link: 0o120000,
} as const;

/** What statx(2) tells of a file, in memory that is used again for the next one. Links are never followed. */
export class FileStatus {
  readonly #raw: Buffer = Buffer.alloc(256);

  /** Reads the status of a name in a directory. Zero or the negative errno. */
  read(dirFd: number, name: Uint8Array): number {
    return statx(dirFd, name, AT_SYMLINK_NOFOLLOW, basicStats, this.#raw);
  }

  /** Reads the status of what a descriptor is open on. */
  readDescriptor(fd: number): number {
    return statx(fd, noName, AT_EMPTY_PATH, basicStats, this.#raw);
  }

  get type(): number {
    return this.#raw.readUInt16LE(28) & typeMask;
  }

  /** Permission, set-id and sticky bits. */
  get mode(): number {
    return this.#raw.readUInt16LE(28) & 0o7777;
  }

  get uid(): number {
    return this.#raw.readUInt32LE(20);
  }

  get gid(): number {
    return this.#raw.readUInt32LE(24);
  }

  get links(): number {
    return this.#raw.readUInt32LE(16);
  }

  /** Bytes as a reader sees them. */
  get size(): number {
    return Number(this.#raw.readBigUInt64LE(40));
  }

  /** Bytes on disk. */
  get diskBytes(): number {
    return Number(this.#raw.readBigUInt64LE(48)) * 512;
  }

  /** Tells the file from all others of the machine, while it exists. */
  get identity(): string {
    return this.#raw.toString("latin1", 32, 40) + this.#raw.toString("latin1", 136, 144);
  }

  get deviceMajor(): number {
    return this.#raw.readUInt32LE(128);
  }

  get deviceMinor(): number {
    return this.#raw.readUInt32LE(132);
  }

  /** A character device 0/0: overlayfs takes it for a file that was removed. */
  get isWhiteout(): boolean {
    return this.type === FileType.character && this.deviceMajor === 0 && this.deviceMinor === 0;
  }

  /** Access and modification time. */
  get times(): { readonly atime: TreeTime; readonly mtime: TreeTime } {
    return { atime: this.#time(64), mtime: this.#time(112) };
  }

  #time(at: number): TreeTime {
    return { seconds: Number(this.#raw.readBigInt64LE(at)), nanoseconds: this.#raw.readUInt32LE(at + 8) };
  }

  /** Writes access and modification time as futimens(3) takes them: a struct statx_timestamp has its fields where timespec has. */
  copyTimes(times: Buffer): void {
    times.fill(0);
    this.#raw.copy(times, 0, 64, 76);
    this.#raw.copy(times, 16, 112, 124);
  }
}
