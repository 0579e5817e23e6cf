import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import { StatusError } from "@crib/errdefs";

import { errnoError } from "../libc/errno-error.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { openDirectory } from "./open-directory.ts";
import { checkPending } from "./pending-directories.ts";
import { DirectoryReader } from "./read-directory.ts";
import {
  close,
  O_CLOEXEC,
  openat2,
  openDirectoryFlags,
  openHow,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  seekDirectory,
} from "./tree-calls.ts";

/** What a tree takes on disk. */
export interface TreeUsage {
  /** Of 512-byte blocks, as du(1) counts. */
  readonly bytes: number;
  readonly inodes: number;
}

const { EACCES, ELOOP, ENOENT, ENOTDIR, EXDEV } = constants.errno;
/** Directories that are open at a time; upper ones are closed and opened again on the way back. */
const maximumOpen = 32;
/** Files with several names that are remembered. Beyond, each name counts its share. */
const maximumLinked = 500_000;
const openBelow = openHow(openDirectoryFlags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
const openUp = openHow(
  fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | O_CLOEXEC,
  RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
);
const up = Buffer.from("..\0");

interface Level {
  /** -1 while it is closed. */
  fd: number;
  readonly identity: string;
  /** Directories of the last batch, and where the next one begins. */
  readonly subdirectories: Buffer[];
  place: bigint;
  isAtEnd: boolean;
}

/** Walks a tree by descriptors, never by paths. What disappears on the way does not count. */
class TreeMeasure implements Disposable {
  readonly #levels: Level[] = [];
  readonly #reader = new DirectoryReader();
  readonly #status = new FileStatus();
  readonly #linked = new Set<string>();
  #bytes = 0;
  #inodes = 0;
  #pending = 0;

  constructor(rootFd: number) {
    this.#status.readDescriptor(rootFd);
    this.#add();
    this.#push(rootFd);
  }

  get usage(): TreeUsage {
    return { bytes: Math.round(this.#bytes), inodes: Math.round(this.#inodes) };
  }

  *run(): Generator<void, void> {
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      const next = level.subdirectories.pop();
      if (next !== undefined) this.#enter(level, next);
      else if (level.isAtEnd) this.#leave(level);
      else this.#read(level);
      yield;
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#levels) if (fd >= 0) close(fd);
    this.#levels.length = 0;
  }

  #push(fd: number): void {
    const { identity } = this.#status;
    this.#levels.push({ fd, identity, subdirectories: [], place: 0n, isAtEnd: false });
    const upper = this.#levels.at(-1 - maximumOpen);
    if (upper === undefined || upper.fd < 0) return;
    close(upper.fd);
    upper.fd = -1;
  }

  #enter(level: Level, name: Buffer): void {
    this.#pending -= 1;
    const fd = openat2(level.fd, name, openBelow);
    // Gone, replaced, or a mount point, which is not part of the tree.
    if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP || fd === -EXDEV || fd === -EACCES) return;
    if (fd < 0) throw errnoError(fd, "opening a directory");
    if (this.#status.readDescriptor(fd) < 0) return close(fd);
    this.#add();
    this.#push(fd);
  }

  #read(level: Level): void {
    const result = this.#reader.read(level.fd, (name, _type, place) => {
      level.place = place;
      if (this.#status.read(level.fd, name) < 0) return;
      if (this.#status.type !== FileType.directory) return this.#add();
      level.subdirectories.push(Buffer.from(name));
      this.#pending += 1;
    });
    checkPending(this.#pending);
    if (result < 0) throw errnoError(result, "reading a directory");
    level.isAtEnd = result === 0;
  }

  #leave(level: Level): void {
    this.#levels.pop();
    const upper = this.#levels.at(-1);
    if (upper !== undefined && upper.fd < 0) this.#reopen(upper, level.fd);
    close(level.fd);
  }

  /** Opens the directory above again. When it is another one by now, somebody moved this: then the rest of it is not counted. */
  #reopen(level: Level, below: number): void {
    const fd = openat2(below, up, openUp);
    const isSame = fd >= 0 && this.#status.readDescriptor(fd) === 0 && this.#status.identity === level.identity;
    if (isSame && seekDirectory(fd, level.place) === 0) {
      level.fd = fd;
      return;
    }
    if (fd >= 0) close(fd);
    // Without a way back the walk ends here.
    this.#levels.length = 0;
  }

  #add(): void {
    const { links, type } = this.#status;
    const isShared = links > 1 && type !== FileType.directory;
    if (isShared && this.#linked.size >= maximumLinked) {
      this.#inodes += 1 / links;
      this.#bytes += this.#status.diskBytes / links;
      return;
    }
    if (isShared) {
      const { identity } = this.#status;
      if (this.#linked.has(identity)) return;
      this.#linked.add(identity);
    }
    this.#inodes += 1;
    this.#bytes += this.#status.diskBytes;
  }
}

/**
 * Measures a tree that somebody else has written, or is still writing: links are not followed, mount points not entered, hard links
 * counted once. `path` is trusted. Gives control back after each few hundred files at most. NotFound; ResourceExhausted for a
 * tree that is wide at thousands of levels.
 */
export function* measureTree(path: string): Generator<void, TreeUsage> {
  const doing = `measuring tree "${path}"`;
  const rootFd = openDirectory(path, doing);
  using measure = new TreeMeasure(rootFd);
  try {
    yield* measure.run();
  } catch (error) {
    throw StatusError.from(error, doing);
  }
  return measure.usage;
}
