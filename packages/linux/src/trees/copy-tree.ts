import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { copyFileSteps, metadataOf } from "./copy-file.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { FirstNames } from "./first-names.ts";
import { openDirectory } from "./open-directory.ts";
import { PendingDirectories } from "./pending-directories.ts";
import { DirectoryReader } from "./read-directory.ts";
import { close, O_CLOEXEC, openat2, openHow, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";
import { TreeWriter } from "./tree-writer.ts";

const { ELOOP, ENOENT, ENOTDIR } = constants.errno;
const socketType = 0o140000;
const slash = Buffer.from("/");
const end = Buffer.from("\0");
const here = Buffer.from(".\0");
/** As a process whose root directory it is would find it. */
const openInRoot = openHow(
  fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
);

/** Copies what is below one open directory into an empty one. Paths are bytes, relative to it. */
class TreeCopy implements Disposable {
  readonly #writer: TreeWriter;
  readonly #reader = new DirectoryReader();
  readonly #status = new FileStatus();
  readonly #firstNames = new FirstNames();
  readonly #pending: PendingDirectories;

  constructor(fromFd: number, target: string) {
    this.#pending = new PendingDirectories(fromFd);
    this.#writer = new TreeWriter(target);
  }

  *run(): Generator<void, void> {
    for (let next = this.#pending.open(); next !== undefined; next = this.#pending.open()) {
      try {
        yield* this.#directory(next.fd, next.path);
      } finally {
        close(next.fd);
      }
    }
    this.#writer.finish();
  }

  [Symbol.dispose](): void {
    this.#writer[Symbol.dispose]();
  }

  *#directory(fd: number, path: Buffer): Generator<void, void> {
    check(this.#status.readDescriptor(fd), `looking at ${quotePath(path)}`);
    this.#writer.directory(path, metadataOf(this.#status, fd));
    yield* this.#entries(fd, path);
  }

  *#entries(fd: number, path: Buffer): Generator<void, void> {
    for (;;) {
      const names: Buffer[] = [];
      const result = this.#reader.read(fd, (name) => names.push(Buffer.from(name)));
      if (result === 0 || result === -ENOENT) return;
      if (result < 0) throw errnoError(result, `reading ${quotePath(path)}`);
      for (const name of names) {
        const below = path.length === 0 ? [] : [path, slash];
        yield* this.#entry(fd, name, Buffer.concat([...below, name.subarray(0, -1)]));
        yield;
      }
    }
  }

  *#entry(fd: number, name: Buffer, path: Buffer): Generator<void, void> {
    const status = this.#status;
    const result = status.read(fd, name);
    if (result === -ENOENT) return;
    if (result < 0) throw errnoError(result, `looking at ${quotePath(path)}`);
    if (status.type === FileType.directory) this.#pending.add(path);
    // Nobody listens on a socket in its new place.
    if (status.type === FileType.directory || status.type === socketType) return;
    const first = status.links > 1 ? this.#firstNames.of(status.identity, path) : undefined;
    if (first !== undefined && this.#writer.link(path, first)) return;
    try {
      yield* copyFileSteps(fd, name, status, this.#writer, path);
    } catch (reason) {
      throw StatusError.from(reason, quotePath(path));
    }
  }
}

/** The directory that `path` is inside `root`; undefined where there is nothing. */
function openSource(root: string, path: Buffer): number | undefined {
  const rootFd = openDirectory(root, `opening "${root}"`);
  try {
    const fd = openat2(rootFd, path.length === 0 ? here : Buffer.concat([path, end]), openInRoot);
    if (fd === -ENOENT) return undefined;
    if (fd === -ENOTDIR || fd === -ELOOP) {
      throw new StatusError(Code.InvalidArgument, `${quotePath(path)} leads to no directory`);
    }
    return check(fd, `opening ${quotePath(path)}`);
  } finally {
    close(rootFd);
  }
}

/**
 * Copies a directory of somebody else's tree, with modes, owners, times, extended attributes, holes, hard links and special files (not
 * sockets), into `target`, an existing, empty, trusted directory. `path` is seen as by a process whose root directory is `root`: no link and no
 * `..` leads out of it, neither there nor in the target; what is mounted below is left out. Gives whether there was anything at that path. Gives control
 * back after each file, and each 256 KiB of large ones. InvalidArgument where `path` leads to something else than a directory, or by
 * what the tree holds; ResourceExhausted.
 */
export function* copyTree(root: string, path: string, target: string): Generator<void, boolean> {
  const doing = `copying "${path}" of "${root}"`;
  try {
    if (path.includes("\0")) throw new StatusError(Code.InvalidArgument, "it has a NUL");
    const fd = openSource(root, Buffer.from(path));
    if (fd === undefined) return false;
    try {
      using copy = new TreeCopy(fd, target);
      yield* copy.run();
      return true;
    } finally {
      close(fd);
    }
  } catch (reason) {
    throw StatusError.from(reason, doing);
  }
}
