import { constants as fsConstants, readSync } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { metadataOf } from "./copy-file.ts";
import { dataRegions } from "./data-regions.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { FirstNames } from "./first-names.ts";
import { openDirectory } from "./open-directory.ts";
import { PendingDirectories } from "./pending-directories.ts";
import { DirectoryReader } from "./read-directory.ts";
import { close, O_CLOEXEC, O_PATH, openat, readlinkat } from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";
import { descriptorPath, type TreeMetadata } from "./tree-metadata.ts";
import { getxattr } from "./xattr-calls.ts";

/** What a piece of a tree is. `whiteout`: overlayfs hides what layers below have at this path. */
export type TreeEntryType =
  | "file"
  | "directory"
  | "link"
  | "symlink"
  | "character"
  | "block"
  | "fifo"
  | "whiteout"
  | "socket";

/** Something in a tree. Paths are bytes, relative to the root, which itself has the empty one. */
export interface TreeEntry {
  readonly kind: "entry";
  readonly path: Buffer;
  /** `link`: another name of a file that came before. */
  readonly type: TreeEntryType;
  readonly metadata: TreeMetadata;
  /** Of a file: bytes as a reader sees them. */
  readonly size: number;
  /** Of a file with holes: pairs of offset and length, ascending; only these bytes follow. */
  readonly regions?: Float64Array;
  /** Of a symlink what it says; of a `link` the path of the first name. */
  readonly target?: Buffer;
  readonly device?: { readonly major: number; readonly minor: number };
  /** Of a directory: overlayfs hides all that layers below have in it. */
  readonly isOpaque: boolean;
}

/** The next bytes of the file that came last; valid until the next step. */
export interface TreeData {
  readonly kind: "data";
  readonly bytes: Buffer;
}

const { ENOENT } = constants.errno;
const copyBytes = 1 << 18;
const slash = Buffer.from("/");
const opaqueName = Buffer.from("trusted.overlay.opaque\0");
const typeNames: Readonly<Record<number, TreeEntryType>> = {
  [FileType.file]: "file",
  [FileType.link]: "symlink",
  [FileType.character]: "character",
  [FileType.block]: "block",
  [FileType.fifo]: "fifo",
};

class TreeReading {
  readonly #reader = new DirectoryReader();
  readonly #status = new FileStatus();
  readonly #buffer = Buffer.allocUnsafeSlow(copyBytes);
  readonly #firstNames = new FirstNames();
  readonly #pending: PendingDirectories;

  constructor(rootFd: number) {
    this.#pending = new PendingDirectories(rootFd);
  }

  *run(): Generator<TreeEntry | TreeData, void> {
    for (let next = this.#pending.open(); next !== undefined; next = this.#pending.open()) {
      try {
        yield* this.#directory(next.fd, next.path);
      } finally {
        close(next.fd);
      }
    }
  }

  *#directory(fd: number, path: Buffer): Generator<TreeEntry | TreeData, void> {
    check(this.#status.readDescriptor(fd), `looking at ${quotePath(path)}`);
    const metadata = metadataOf(this.#status, fd);
    yield { kind: "entry", path, type: "directory", metadata, size: 0, isOpaque: isOpaque(fd) };
    for (;;) {
      const names: Buffer[] = [];
      const result = this.#reader.read(fd, (name) => names.push(Buffer.from(name)));
      if (result === 0 || result === -ENOENT) return;
      if (result < 0) throw errnoError(result, `reading ${quotePath(path)}`);
      for (const name of names) yield* this.#entry(fd, name, join(path, name));
    }
  }

  *#entry(parentFd: number, name: Buffer, path: Buffer): Generator<TreeEntry | TreeData, void> {
    const status = this.#status;
    const result = status.read(parentFd, name);
    if (result === -ENOENT) return;
    if (result < 0) throw errnoError(result, `looking at ${quotePath(path)}`);
    if (status.type === FileType.directory) {
      this.#pending.add(path);
      return;
    }
    const isFile = status.type === FileType.file;
    // Opening a device or a FIFO would do something, and a link cannot be opened otherwise.
    const flags = isFile ? fsConstants.O_RDONLY | fsConstants.O_NONBLOCK : O_PATH;
    const fd = openat(parentFd, name, flags | fsConstants.O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd === -ENOENT) return;
    if (fd < 0) throw errnoError(fd, `opening ${quotePath(path)}`);
    try {
      // By its name it may be another one now, and a FIFO or a device must not be read from.
      check(status.readDescriptor(fd), `looking at ${quotePath(path)}`);
      if (isFile !== (status.type === FileType.file)) {
        throw new StatusError(Code.Aborted, `${quotePath(path)} was replaced`);
      }
      yield* this.#open(fd, parentFd, name, path);
    } finally {
      close(fd);
    }
  }

  *#open(fd: number, parentFd: number, name: Buffer, path: Buffer): Generator<TreeEntry | TreeData, void> {
    const status = this.#status;
    const metadata = metadataOf(status, fd);
    const plain = { kind: "entry", path, metadata, size: 0, isOpaque: false } as const;
    const first = status.links > 1 && !status.isWhiteout ? this.#firstNames.of(status.identity, path) : undefined;
    const type = status.isWhiteout ? "whiteout" : (typeNames[status.type] ?? "socket");
    if (first !== undefined) yield { ...plain, type: "link", target: first };
    else if (type === "file") yield* this.#file(fd, plain);
    else if (type === "symlink") yield { ...plain, type, target: readLink(parentFd, name, path) };
    else yield { ...plain, type, device: { major: status.deviceMajor, minor: status.deviceMinor } };
  }

  *#file(fd: number, plain: Omit<TreeEntry, "type">): Generator<TreeEntry | TreeData, void> {
    const { size, diskBytes } = this.#status;
    const regions = diskBytes < size ? dataRegions(fd, size) : undefined;
    yield { ...plain, type: "file", size, ...(regions && { regions }) };
    yield* this.#data(fd, regions ?? Float64Array.of(0, size));
  }

  /** Exactly as much as was announced, whatever happens to the file meanwhile. */
  *#data(fd: number, regions: Float64Array): Generator<TreeData, void> {
    const buffer = this.#buffer;
    for (let index = 0; index < regions.length; index += 2) {
      const start = regions[index] as number;
      const stop = start + (regions[index + 1] as number);
      for (let at = start; at < stop;) {
        const wanted = Math.min(buffer.length, stop - at);
        const bytes = readSync(fd, buffer, 0, wanted, at);
        if (bytes === 0) buffer.fill(0, 0, wanted);
        const got = bytes === 0 ? wanted : bytes;
        yield { kind: "data", bytes: buffer.subarray(0, got) };
        at += got;
      }
    }
  }
}

function join(path: Buffer, name: Buffer): Buffer {
  const bare = name.subarray(0, -1);
  return path.length === 0 ? Buffer.from(bare) : Buffer.concat([path, slash, bare]);
}

function isOpaque(fd: number): boolean {
  const value = Buffer.alloc(1);
  return getxattr(descriptorPath(fd), opaqueName, value) === 1 && value[0] === 0x79;
}

function readLink(parentFd: number, name: Buffer, path: Buffer): Buffer {
  const target = Buffer.alloc(4096);
  return target.subarray(0, check(readlinkat(parentFd, name, target), `reading link ${quotePath(path)}`));
}

/**
 * Reads a tree that somebody else has written: each entry, directories before what is in them, and after each file its data. Links are not
 * followed, mount points not entered. `path` is trusted. Attributes of overlayfs are told as what they mean, and left out. NotFound;
 * ResourceExhausted for a tree that is too wide or a file in too many pieces; Aborted where a file is replaced while it is read.
 */
export function* readTree(path: string): Generator<TreeEntry | TreeData, void> {
  const doing = `reading tree "${path}"`;
  const rootFd = openDirectory(path, doing);
  try {
    yield* new TreeReading(rootFd).run();
  } catch (error) {
    throw StatusError.from(error, doing);
  } finally {
    close(rootFd);
  }
}
