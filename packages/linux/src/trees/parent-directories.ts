import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { FileStatus } from "./file-status.ts";
import { NameBuffer } from "./name-buffer.ts";
import {
  close,
  fchmod,
  fchown,
  mkdirat,
  O_CLOEXEC,
  openat,
  openat2,
  openDirectoryFlags,
  openHow,
  readlinkat,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  unlinkat,
} from "./tree-calls.ts";
import { entryError, quotePath } from "./tree-error.ts";
import { fsetxattr } from "./xattr-calls.ts";

const { EEXIST, ELOOP, ENOENT, ENOTDIR } = constants.errno;
const slash = 0x2f;
/** As many links as the kernel follows on a path. */
const maximumLinks = 40;
/** Entries come directory by directory; more than the last few are seldom needed again. */
const maximumOpen = 64;
/** What `impliedDirectories` may take: real layers have a few hundred bytes. */
const maximumImpliedBytes = 16 << 20;
const opaqueName = Buffer.from("trusted.overlay.opaque\0");
const opaqueValue = Buffer.from("y");
/** Follows links, which count as within the root; what they lead to must be a directory. */
const resolveInRoot = openHow(
  fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
);

/** A directory in which entries are made. */
export interface ParentDirectory {
  readonly fd: number;
  /** Whether new files in it belong to root:root by themselves. */
  isPlain: boolean;
  isOpaque: boolean;
}

/** Marks a directory so that overlayfs shows nothing of the directories below it. */
export function makeOpaque(fd: number, doing: string, path: Uint8Array): void {
  const result = fsetxattr(fd, opaqueName, opaqueValue);
  if (result < 0) throw entryError(result, doing, path);
}

function lastSlash(path: Buffer): number {
  let at = path.length - 1;
  while (at >= 0 && path[at] !== slash) at -= 1;
  return at;
}

/**
 * Opens the directories that entries of a tree are made in. A path is resolved as by a process whose root directory is the tree's:
 * links on the way are followed, also those of the tree itself, and never lead out. What is missing on the way is made, and recorded.
 *
 * Descriptors of the last ones are kept, by the bytes of their path. A kept one is right as long as nothing on its path was
 * replaced: whoever removes anything from the tree, or changes the group of a directory, calls `forget`.
 */
export class ParentDirectories implements Disposable {
  readonly #root: ParentDirectory;
  readonly #open = new Map<string, ParentDirectory>();
  readonly #implied = new Set<string>();
  readonly #status = new FileStatus();
  readonly #name = new NameBuffer();
  #impliedBytes = 0;
  /** Whether no link has been followed on the path that is being made: else the bytes of the path are not its name. */
  #isDirect = true;
  #last: ParentDirectory | undefined;
  #lastPath: Buffer = Buffer.alloc(0);

  /** Takes the descriptor of the root over. */
  constructor(rootFd: number) {
    this.#root = { fd: rootFd, isPlain: this.#isPlain(rootFd), isOpaque: false };
    this.#implied.add("");
  }

  /** Paths of the directories that were made or used without an entry of their own: each byte is one character. */
  get implied(): ReadonlySet<string> {
    return this.#implied;
  }

  get root(): ParentDirectory {
    return this.#root;
  }

  /** The parent of a path, made when it is missing. Valid until the next call. */
  parentOf(path: Buffer): ParentDirectory {
    return this.#find(path, Math.max(0, lastSlash(path)), true) as ParentDirectory;
  }

  /** The parent of a path, undefined when it is missing. */
  findParentOf(path: Buffer): ParentDirectory | undefined {
    return this.#find(path, Math.max(0, lastSlash(path)), false);
  }

  /** A directory itself, made when it is missing. */
  directory(path: Buffer): ParentDirectory {
    return this.#find(path, path.length, true) as ParentDirectory;
  }

  /** Notes that a directory has an entry of its own. */
  declare(path: Buffer): void {
    if (this.#implied.size > 0) this.#implied.delete(path.toString("latin1"));
  }

  /** Closes what is kept, but the root, whose owner is looked at again. */
  forget(): void {
    this.#root.isPlain = this.#isPlain(this.#root.fd);
    this.#close();
  }

  #close(): void {
    for (const { fd } of this.#open.values()) close(fd);
    this.#open.clear();
    this.#last = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
    close(this.#root.fd);
  }

  #find(path: Buffer, length: number, isMade: boolean): ParentDirectory | undefined {
    if (length === 0) return this.#root;
    if (this.#last !== undefined && this.#isLast(path, length)) return this.#last;
    const key = path.toString("latin1", 0, length);
    const kept = this.#open.get(key);
    if (kept !== undefined) {
      this.#open.delete(key);
      return this.#keep(key, path, length, kept);
    }
    let fd = openat2(this.#root.fd, this.#name.set(path, 0, length), resolveInRoot);
    if (fd < 0 && isMade) fd = this.#make(path.subarray(0, length), 0);
    if (fd === -ENOENT && !isMade) return undefined;
    if (fd < 0) throw entryError(fd, "opening directory", path.subarray(0, length));
    return this.#keep(key, path, length, { fd, isPlain: this.#isPlain(fd), isOpaque: false });
  }

  #isLast(path: Buffer, length: number): boolean {
    const last = this.#lastPath;
    if (last.length !== length) return false;
    // From the end, where neighbours differ.
    for (let at = length - 1; at >= 0; at -= 1) if (last[at] !== path[at]) return false;
    return true;
  }

  #keep(key: string, path: Buffer, length: number, parent: ParentDirectory): ParentDirectory {
    if (this.#open.size >= maximumOpen) {
      const [oldest, { fd }] = this.#open.entries().next().value as [string, ParentDirectory];
      close(fd);
      this.#open.delete(oldest);
    }
    this.#open.set(key, parent);
    this.#last = parent;
    this.#lastPath = Buffer.from(path.subarray(0, length));
    return parent;
  }

  #isPlain(fd: number): boolean {
    const result = this.#status.readDescriptor(fd);
    // With set-group-id, what is made gets the directory's group; so it does on file systems that are mounted with grpid.
    return result === 0 && this.#status.gid === 0 && (this.#status.mode & 0o2000) === 0;
  }

  /** Makes the directories that a path lacks, from its first one on. Gives the descriptor of the last, or a negative errno. */
  #make(path: Buffer, links: number): number {
    if (links === 0) this.#isDirect = true;
    let fd = -1;
    try {
      for (let start = 0; start < path.length;) {
        const found = path.indexOf(slash, start);
        const end = found < 0 ? path.length : found;
        // Paths of entries have no empty names and no dots; targets of links may.
        const next = end > start ? this.#step(fd < 0 ? this.#root.fd : fd, path, start, end, links) : fd;
        if (next < 0 && end > start) return next;
        if (fd >= 0 && next !== fd) close(fd);
        fd = next;
        start = end + 1;
      }
      // A link to the root itself has no names.
      const last = fd < 0 ? openat(this.#root.fd, this.#name.set(dot, 0, 1), openDirectoryFlags, 0) : fd;
      fd = -1;
      return last;
    } finally {
      if (fd >= 0) close(fd);
    }
  }

  /** Opens one more directory of a path that is being made. */
  #step(parentFd: number, path: Buffer, start: number, end: number, links: number): number {
    const name = this.#name.set(path, start, end);
    // Upwards only the kernel may go, which knows where the root is.
    const isUp = name[0] === 0x2e && name[1] === 0x2e && name[2] === 0;
    let fd = isUp ? -ELOOP : openat(parentFd, name, openDirectoryFlags, 0);
    if (fd === -ENOENT) {
      const made = mkdirat(parentFd, name, 0o755);
      if (made < 0 && made !== -EEXIST) return made;
      fd = this.#openMade(parentFd, path, end, false);
    }
    if (fd === -ENOTDIR && this.#status.read(parentFd, name) === 0 && this.#status.isWhiteout) {
      // The layer removed what was there below, and then put a directory in its place.
      const gone = unlinkat(parentFd, name, 0);
      const made = gone < 0 ? gone : mkdirat(parentFd, name, 0o755);
      return made < 0 ? made : this.#openMade(parentFd, path, end, true);
    }
    if (fd !== -ELOOP && fd !== -ENOTDIR) return fd;
    return this.#followLink(parentFd, path, start, end, links);
  }

  /** Opens a directory that was just made on the way. */
  #openMade(parentFd: number, path: Buffer, end: number, isOpaque: boolean): number {
    const fd = openat(parentFd, this.#name.bytes, openDirectoryFlags, 0);
    if (fd < 0) return fd;
    try {
      // The umask, and a parent with set-group-id, may have had a say.
      const result = Math.min(fchown(fd, 0, 0), fchmod(fd, 0o755));
      if (result < 0) throw entryError(result, "making directory", path.subarray(0, end));
      // What was removed below must not lend its owner and mode either.
      if (isOpaque) makeOpaque(fd, "replacing a whiteout", path.subarray(0, end));
      else if (this.#isDirect) this.#recordImplied(path.toString("latin1", 0, end));
    } catch (error) {
      close(fd);
      throw error;
    }
    return fd;
  }

  #recordImplied(key: string): void {
    this.#impliedBytes += key.length;
    if (this.#impliedBytes > maximumImpliedBytes) {
      const why = `directories without an entry of their own, more than ${maximumImpliedBytes} bytes of names`;
      throw new StatusError(Code.ResourceExhausted, `unpacking tree: ${why}`);
    }
    this.#implied.add(key);
  }

  /** Goes on where a link on the way leads, within the root, and makes it when it is not there. */
  #followLink(parentFd: number, path: Buffer, start: number, end: number, links: number): number {
    this.#isDirect = false;
    const prefix = path.subarray(0, end);
    const there = openat2(this.#root.fd, this.#name.set(path, 0, end), resolveInRoot);
    if (there !== -ENOENT) {
      if (there !== -ENOTDIR) return there;
      throw new StatusError(Code.InvalidArgument, `opening directory ${quotePath(prefix)}: it is none`);
    }
    if (links >= maximumLinks) return -ELOOP;
    const target = Buffer.alloc(4096);
    const length = readlinkat(parentFd, this.#name.set(path, start, end), target);
    if (length < 0) return length;
    const isAbsolute = target[0] === slash;
    const whole = isAbsolute
      ? target.subarray(1, length)
      : Buffer.concat([path.subarray(0, start), target.subarray(0, length)]);
    return this.#make(whole, links + 1);
  }
}

const dot = Buffer.from(".");
