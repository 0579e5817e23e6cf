import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { errnoError } from "../libc/errno-error.ts";
import { openat2, openDirectoryFlags, openHow, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV } from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";

const { ELOOP, ENOENT, ENOTDIR, EXDEV } = constants.errno;
/** Names of directories that are still to be entered: more than the widest of real trees have. */
const maximumPending = 500_000;
const end = Buffer.from("\0");
const here = Buffer.from(".\0");
const openBelow = openHow(openDirectoryFlags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

/** ResourceExhausted where a walk has more directories before it than may wait. */
export function checkPending(count: number): void {
  if (count <= maximumPending) return;
  throw new StatusError(Code.ResourceExhausted, `more than ${maximumPending} directories wait`);
}

/** Directories of somebody else's tree that a walk has still to enter; its root is the first. Paths are bytes, relative to the root. */
export class PendingDirectories {
  readonly #rootFd: number;
  readonly #paths: Buffer[] = [Buffer.alloc(0)];

  /** The descriptor of the root remains the caller's. */
  constructor(rootFd: number) {
    this.#rootFd = rootFd;
  }

  /** ResourceExhausted. */
  add(path: Buffer): void {
    this.#paths.push(path);
    checkPending(this.#paths.length);
  }

  /** Opens the last one that was added and is still there, for the caller to close; undefined when none waits any more. */
  open(): { readonly path: Buffer; readonly fd: number } | undefined {
    for (let path = this.#paths.pop(); path !== undefined; path = this.#paths.pop()) {
      // From the top each time, since there may be more levels than a process may have descriptors.
      const fd = openat2(this.#rootFd, path.length === 0 ? here : Buffer.concat([path, end]), openBelow);
      // Gone, replaced, or a mount point, which is not part of the tree.
      if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP || fd === -EXDEV) continue;
      if (fd < 0) throw errnoError(fd, `opening ${quotePath(path)}`);
      return { path, fd };
    }
    return undefined;
  }
}
