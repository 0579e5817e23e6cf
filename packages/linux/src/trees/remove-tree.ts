import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import { basename, dirname } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { errnoError } from "../libc/errno-error.ts";
import { openDirectory } from "./open-directory.ts";
import { DirectoryReader, directoryType } from "./read-directory.ts";
import {
  AT_REMOVEDIR,
  close,
  openat2,
  openDirectoryFlags,
  openHow,
  renameat,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  seekDirectory,
  unlinkat,
} from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";

const { EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV, ELOOP } = constants.errno;
/** Directories that are open at a time. What lies deeper is moved up first. */
const maximumDepth = 32;
/** Somebody may go on making files. */
const maximumRounds = 64;
/** No links, and no mount points, be they of the same disk. */
const openBelow = openHow(openDirectoryFlags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

interface Level {
  readonly fd: number;
  readonly name: Buffer;
  /** Directories of the last batch. */
  readonly subdirectories: Buffer[];
  isAtEnd: boolean;
  rounds: number;
}

/**
 * Removes one name of a directory, and all that is below it. Every step is taken from the descriptor of the directory before, so
 * that neither links nor renames lead out of the tree; mount points are not entered.
 */
class TreeRemoval implements Disposable {
  readonly #levels: Level[] = [];
  readonly #reader = new DirectoryReader();
  readonly #top: Level;
  #moved = 0;

  constructor(parentFd: number, name: Buffer) {
    this.#top = { fd: parentFd, name, subdirectories: [Buffer.from(name)], isAtEnd: true, rounds: 0 };
  }

  /** Yields now and then, at most some 1,000 removed files apart. */
  *run(): Generator<void, void> {
    while (this.#top.subdirectories.length > 0 || this.#levels.length > 0) {
      this.#step(this.#levels.at(-1) ?? this.#top);
      yield;
    }
  }

  [Symbol.dispose](): void {
    for (const { fd } of this.#levels) close(fd);
    this.#levels.length = 0;
  }

  #step(level: Level): void {
    const next = level.subdirectories.pop();
    if (next !== undefined) this.#enter(level, next);
    else if (level.isAtEnd) this.#leave(level);
    else this.#removeFiles(level);
  }

  #enter(level: Level, name: Buffer): void {
    let result = unlinkat(level.fd, name, AT_REMOVEDIR);
    if (result === -ENOTDIR) result = unlinkat(level.fd, name, 0);
    if (result === 0 || result === -ENOENT) return;
    // A directory was put there between the two.
    if (result === -EISDIR) return void level.subdirectories.push(name);
    if (result !== -ENOTEMPTY) return this.#check(result, name);
    if (this.#levels.length >= maximumDepth) return this.#moveUp(level, name);
    const fd = openat2(level.fd, name, openBelow);
    // It was replaced by something else meanwhile.
    if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) return void level.subdirectories.push(name);
    if (fd === -EXDEV) {
      throw new StatusError(
        Code.FailedPrecondition,
        `removing ${quotePath(name.subarray(0, -1))}: it is a mount point`,
      );
    }
    if (fd < 0) return this.#check(fd, name);
    this.#levels.push({ fd, name, subdirectories: [], isAtEnd: false, rounds: 0 });
  }

  #removeFiles(level: Level): void {
    let failure = 0;
    const result = this.#reader.read(level.fd, (name, type) => {
      const removed = type === directoryType ? -EISDIR : unlinkat(level.fd, name, 0);
      if (removed === -EISDIR) level.subdirectories.push(Buffer.from(name));
      else if (removed < 0 && removed !== -ENOENT && failure === 0) failure = removed;
    });
    // The directory itself may have been removed meanwhile: then there is nothing in it.
    const isGone = result === -ENOENT;
    if (!isGone) this.#check(Math.min(result, failure), level.name);
    level.isAtEnd = result === 0 || isGone;
  }

  #leave(level: Level): void {
    const parent = this.#levels.at(-2) ?? this.#top;
    const result = unlinkat(parent.fd, level.name, AT_REMOVEDIR);
    if (result === -ENOTEMPTY && level.rounds < maximumRounds) {
      // Entries may be passed over while others are removed, or have come since.
      level.rounds += 1;
      level.isAtEnd = false;
      return this.#check(seekDirectory(level.fd, 0n), level.name);
    }
    this.#levels.pop();
    close(level.fd);
    // Under this name there may be something else by now.
    if (result === -ENOTDIR) return void parent.subdirectories.push(level.name);
    if (result !== -ENOENT) this.#check(result, level.name);
  }

  /** Moves a deep directory to the first level, so that no more descriptors are needed for it. */
  #moveUp(level: Level, name: Buffer): void {
    const first = this.#levels[0] as Level;
    const moved = Buffer.from(`.removing-${randomBytes(8).toString("hex")}-${this.#moved}\0`);
    this.#moved += 1;
    const result = renameat(level.fd, name, first.fd, moved);
    if (result === -ENOENT) return;
    this.#check(result, name);
    // It is found when the first level turns out not to be empty; a list of names could grow without bounds.
    first.rounds = 0;
  }

  #check(result: number, name: Buffer): void {
    if (result < 0) throw errnoError(result, `removing ${quotePath(name.subarray(0, -1))}`);
  }
}

/** Removes a name (bytes that end with a NUL) of an open directory, in one go. Absence is success. */
export function removeAt(parentFd: number, name: Buffer): void {
  using removal = new TreeRemoval(parentFd, name);
  const steps = removal.run();
  while (steps.next().done !== true);
}

/**
 * Removes a tree that somebody else has written, or is still writing: links are not followed, mount points (bind mounts too) not
 * entered, however deep it is and however long its paths are. The parent of `path` is trusted. Absence is success. Gives control back
 * after each few hundred files at most. FailedPrecondition for a mount point; what is immutable stays, with PermissionDenied.
 */
export function* removeTree(path: string): Generator<void, void> {
  const doing = `removing tree "${path}"`;
  let parentFd: number;
  try {
    parentFd = openDirectory(dirname(path), doing);
  } catch (error) {
    if (error instanceof StatusError && error.code === Code.NotFound) return;
    throw error;
  }
  try {
    using removal = new TreeRemoval(parentFd, Buffer.from(`${basename(path)}\0`));
    yield* removal.run();
  } catch (error) {
    throw StatusError.from(error, doing);
  } finally {
    close(parentFd);
  }
}
