import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { deviceOf } from "./device-number.ts";
import { DirectoryTimes } from "./directory-times.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { FileWriter, type SparseContent } from "./file-writer.ts";
import { isSameFile, refuseDirectory, refuseWhiteout } from "./link-target.ts";
import { NameBuffer } from "./name-buffer.ts";
import { openDirectory } from "./open-directory.ts";
import { makeOpaque, type ParentDirectory, ParentDirectories } from "./parent-directories.ts";
import { removeAt } from "./remove-tree.ts";
import { takeThreadUmask } from "./thread-umask.ts";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  close,
  fchmod,
  fchown,
  fchownat,
  linkat,
  mkdirat,
  mknodat,
  O_CLOEXEC,
  O_PATH,
  openat,
  openDirectoryFlags,
  symlinkat,
  unlinkat,
  utimensat,
} from "./tree-calls.ts";
import { entryError, quotePath } from "./tree-error.ts";
import {
  defaultAcl,
  isDefaultAcl,
  setPathMode,
  setPathXattrs,
  setXattrs,
  timesOf,
  type TreeMetadata,
} from "./tree-metadata.ts";
import { fremovexattr } from "./xattr-calls.ts";

const { EEXIST, EISDIR, ENOENT, EPERM } = constants.errno;
const newFileFlags =
  fsConstants.O_WRONLY | fsConstants.O_CREAT | fsConstants.O_EXCL | fsConstants.O_NOFOLLOW | O_CLOEXEC;
const noName = Buffer.from("\0");
const aclName = Buffer.from(`${defaultAcl}\0`);
/** Whoever else writes in the tree may put something in the way again and again. */
const maximumRetries = 16;

/** What a special file is. */
export type SpecialFile =
  | { readonly kind: "fifo" }
  | { readonly kind: "character" | "block"; readonly major: number; readonly minor: number };

/**
 * Writes a tree of files below one directory, in the form that overlayfs stacks, and nothing outside of it, whatever the entries and
 * whoever else writes there. Paths are relative, without empty names, `.` and `..`; the empty one is the root. A missing parent is
 * made, see `ParentDirectories`; the last name of a path is never followed. What an entry finds in its place is removed,
 * with all that is in it, except that a directory stays where a directory is to be.
 *
 * Not for two threads; calls are synchronous. Modes need no second call where the thread has a umask of its own, which
 * this takes in worker threads. Errors carry the path; after one the tree is of no use.
 */
export class TreeWriter implements Disposable {
  readonly #parents: ParentDirectories;
  readonly #times: DirectoryTimes;
  readonly #hasOwnUmask = takeThreadUmask();
  readonly #name = new NameBuffer();
  readonly #other = new NameBuffer();
  readonly #status = new FileStatus();
  readonly #file = new FileWriter();
  #hasWhiteouts = false;

  /** Opens `root`, which is trusted: an existing directory. NotFound. */
  constructor(root: string) {
    const rootFd = openDirectory(root, `opening "${root}"`);
    // An administrator may have set one further up; then the modes of all entries would be wrong.
    fremovexattr(rootFd, aclName);
    this.#parents = new ParentDirectories(rootFd);
    this.#times = new DirectoryTimes(rootFd);
  }

  /** Paths, each byte one character, of directories that were made without an entry of their own; "" is the root. */
  get impliedDirectories(): ReadonlySet<string> {
    return this.#parents.implied;
  }

  /** Whether the root hides all layers below, which overlayfs only understands of other directories. */
  get isRootOpaque(): boolean {
    return this.#parents.root.isOpaque;
  }

  directory(path: Buffer, metadata: TreeMetadata): void {
    this.#parents.declare(path);
    if (path.length === 0) this.#setDirectory(this.#parents.root.fd, path, metadata);
    else this.#makeDirectory(path, metadata);
    for (const xattr of metadata.xattrs) if (isDefaultAcl(xattr)) this.#times.addAcl(path, xattr.value);
    this.#times.add(path, metadata);
  }

  /** Begins a file; `writeFile` and `endFile` follow before anything else is called. */
  startFile(path: Buffer, metadata: TreeMetadata, sparse?: SparseContent): void {
    let needsOwner = false;
    let fd = -1;
    this.#create(path, "making file", (parent, name) => {
      needsOwner = !parent.isPlain || metadata.uid !== 0 || metadata.gid !== 0;
      // Not yet anybody's but root's: with the last owner comes the mode.
      fd = openat(parent.fd, name, newFileFlags, needsOwner ? 0o600 : metadata.mode & 0o777);
      return fd;
    });
    this.#file.start(fd, path, metadata, { needsOwner, needsMode: needsOwner || this.#needsMode(metadata) }, sparse);
  }

  /** Data of the file, from `start` to `end` of a chunk. */
  writeFile(chunk: Buffer, start: number, end: number): void {
    this.#file.write(chunk, start, end);
  }

  endFile(): void {
    this.#file.end();
  }

  symlink(path: Buffer, target: Buffer, metadata: TreeMetadata): void {
    const bytes = this.#other.set(target, 0, target.length);
    this.#create(path, "making link", (parent, name) => {
      const result = symlinkat(bytes, parent.fd, name);
      if (result < 0) return result;
      const isOwned = parent.isPlain && metadata.uid === 0 && metadata.gid === 0;
      const owned = isOwned ? 0 : fchownat(parent.fd, name, metadata.uid, metadata.gid, AT_SYMLINK_NOFOLLOW);
      if (owned < 0) throw entryError(owned, "setting the owner of", path);
      if (metadata.xattrs.length > 0)
        this.#withPathFd(parent, name, path, (fd) => setPathXattrs(fd, metadata.xattrs, path));
      return utimensat(parent.fd, name, timesOf(metadata.atime, metadata.mtime), AT_SYMLINK_NOFOLLOW);
    });
  }

  /**
   * Makes a hard link to what `target` is, itself a path of the tree; its metadata stay. False when there is no target: then
   * nothing is at `path` either.
   */
  link(path: Buffer, target: Buffer): boolean {
    let isThere = true;
    this.#create(path, "making hard link", (parent, name) => {
      const from = this.#parents.findParentOf(target);
      const last = this.#other.set(target, target.lastIndexOf(0x2f) + 1, target.length);
      if (from !== undefined && this.#hasWhiteouts) refuseWhiteout(from.fd, last, path);
      const result = from === undefined ? -ENOENT : linkat(from.fd, last, parent.fd, name);
      if (from !== undefined && result === -EPERM) refuseDirectory(from.fd, last, path);
      if (from !== undefined && result === -EEXIST && isSameFile(from.fd, last, parent.fd, name)) return 0;
      isThere = result !== -ENOENT;
      return isThere ? result : this.#removed(parent, name);
    });
    return isThere;
  }

  /** Makes a device or FIFO. A character device 0/0 is made like any other, though overlayfs will show nothing there. */
  special(path: Buffer, file: SpecialFile, metadata: TreeMetadata): void {
    const device = file.kind === "fifo" ? 0 : deviceOf(file.major, file.minor, path);
    if (file.kind === "character" && device === 0) this.#hasWhiteouts = true;
    this.#create(path, "making special file", (parent, name) => {
      const result = mknodat(parent.fd, name, FileType[file.kind] | 0o600, device);
      if (result < 0) return result;
      this.#withPathFd(parent, name, path, (fd) => {
        const owned = fchownat(fd, noName, metadata.uid, metadata.gid, AT_EMPTY_PATH);
        if (owned < 0) throw entryError(owned, "setting the owner of", path);
        setPathMode(fd, metadata.mode, path);
        setPathXattrs(fd, metadata.xattrs, path);
      });
      return utimensat(parent.fd, name, timesOf(metadata.atime, metadata.mtime), AT_SYMLINK_NOFOLLOW);
    });
  }

  /**
   * Hides what layers below have at a path. What this tree has there stays (OCI image specification, "Whiteouts": they apply to lower
   * layers only): a directory becomes opaque, anything else hides what is below by itself.
   */
  whiteout(path: Buffer): void {
    const parent = this.#parents.parentOf(path);
    const name = this.#lastName(path);
    const result = mknodat(parent.fd, name, FileType.character, 0);
    this.#hasWhiteouts = true;
    if (result >= 0) return;
    if (result !== -EEXIST) throw entryError(result, "making whiteout of", path);
    const fd = openat(parent.fd, name, openDirectoryFlags, 0);
    if (fd < 0) return;
    try {
      makeOpaque(fd, "making opaque", path);
      // What was removed does not lend its owner and mode to a directory without an entry of its own.
      this.#parents.declare(path);
    } finally {
      close(fd);
    }
  }

  /** Hides what layers below have in a directory. */
  opaque(path: Buffer): void {
    const directory = this.#parents.directory(path);
    if (directory.isOpaque) return;
    makeOpaque(directory.fd, "making opaque", path);
    directory.isOpaque = true;
  }

  /** Removes what is at a path. Absence is success. */
  remove(path: Buffer): void {
    const removed = this.#removed(this.#parents.parentOf(path), this.#lastName(path));
    if (removed < 0) throw entryError(removed, "removing", path);
  }

  /** Sets what could not be set before all entries were there. */
  finish(): void {
    this.#times.apply();
  }

  /** Closes what is open. */
  [Symbol.dispose](): void {
    this.#file.abort();
    this.#parents[Symbol.dispose]();
  }

  #lastName(path: Buffer): Buffer {
    const start = path.lastIndexOf(0x2f) + 1;
    const name = this.#name.set(path, start, path.length);
    // A last resort, since the callers check paths: these names would lead out.
    const isDots = name[0] === 0x2e && (name[1] === 0 || (name[1] === 0x2e && name[2] === 0));
    if (start === path.length || isDots)
      throw new StatusError(Code.InvalidArgument, `${quotePath(path)} names no file`);
    return name;
  }

  /** Makes an entry, after what is in its place has been removed. */
  #create(path: Buffer, doing: string, make: (parent: ParentDirectory, name: Buffer) => number): void {
    for (let attempts = 0; ; attempts += 1) {
      const parent = this.#parents.parentOf(path);
      const result = make(parent, this.#lastName(path));
      if (result >= 0) return;
      if (result !== -EEXIST || attempts >= maximumRetries) throw entryError(result, doing, path);
      const removed = this.#removed(parent, this.#lastName(path));
      if (removed < 0) throw entryError(removed, "replacing", path);
    }
  }

  /** Removes a name. Absence is success. */
  #removed(parent: ParentDirectory, name: Buffer): number {
    const result = unlinkat(parent.fd, name, 0);
    if (result === -ENOENT) return 0;
    if (result === -EISDIR) removeAt(parent.fd, name);
    // A directory that is kept open may have been within, or have been reached through it.
    this.#parents.forget();
    return result === -EISDIR ? 0 : result;
  }

  #needsMode(metadata: TreeMetadata): boolean {
    return !this.#hasOwnUmask || (metadata.mode & 0o7000) !== 0;
  }

  #makeDirectory(path: Buffer, metadata: TreeMetadata): void {
    let isOpaque = false;
    this.#create(path, "making directory", (parent, name) => {
      const result = mkdirat(parent.fd, name, metadata.mode & 0o777);
      if (result === 0 && !isOpaque && this.#isPlainDirectory(parent, metadata)) return 0;
      if (result < 0 && result !== -EEXIST) return result;
      const fd = openat(parent.fd, name, openDirectoryFlags, 0);
      if (fd >= 0) {
        try {
          // What replaces a whiteout must not show the directory that the whiteout was for.
          if (isOpaque) makeOpaque(fd, "making opaque", path);
          this.#setDirectory(fd, path, metadata);
        } finally {
          close(fd);
        }
        return 0;
      }
      isOpaque = this.#status.read(parent.fd, name) === 0 && this.#status.isWhiteout;
      return -EEXIST;
    });
  }

  #isPlainDirectory(parent: ParentDirectory, metadata: TreeMetadata): boolean {
    const isRoots = parent.isPlain && metadata.uid === 0 && metadata.gid === 0;
    return isRoots && !this.#needsMode(metadata) && metadata.xattrs.length === 0;
  }

  #setDirectory(fd: number, path: Buffer, metadata: TreeMetadata): void {
    const owned = fchown(fd, metadata.uid, metadata.gid);
    if (owned < 0) throw entryError(owned, "setting the owner of", path);
    const result = fchmod(fd, metadata.mode);
    if (result < 0) throw entryError(result, "setting the mode of", path);
    setXattrs(fd, metadata.xattrs, path);
    // It may be kept open as one that gives root's ownership to what is made in it.
    if (metadata.gid !== 0 || (metadata.mode & 0o2000) !== 0) this.#parents.forget();
  }

  /** Opens a name with O_PATH, a link itself, for calls that need no more. */
  #withPathFd(parent: ParentDirectory, name: Buffer, path: Buffer, body: (fd: number) => void): void {
    const fd = openat(parent.fd, name, O_PATH | fsConstants.O_NOFOLLOW | O_CLOEXEC, 0);
    if (fd < 0) throw entryError(fd, "opening", path);
    try {
      body(fd);
    } finally {
      close(fd);
    }
  }
}
