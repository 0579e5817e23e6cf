import { constants } from "node:os";

import { StatusError } from "@crib/errdefs";

import { check, errnoError } from "../libc/errno-error.ts";
import { checkPending } from "./pending-directories.ts";
import { directoryType, DirectoryReader } from "./read-directory.ts";
import {
  close,
  O_CLOEXEC,
  O_PATH,
  openat,
  openat2,
  openDirectoryFlags,
  openHow,
  RESOLVE_NO_SYMLINKS,
} from "./tree-calls.ts";
import { quotePath } from "./tree-error.ts";
import { descriptorPath } from "./tree-metadata.ts";
import { lsetxattr, setxattr } from "./xattr-calls.ts";

const { ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP } = constants.errno;
const AT_FDCWD = -100;
const attribute = Buffer.from("security.selinux\0");
const end = Buffer.from("\0");
const slash = Buffer.from("/");
const openBelow = openHow(openDirectoryFlags, RESOLVE_NO_SYMLINKS);

/** Sets the label of a name of an open directory, links themselves; a file system without labels has its own for all files. */
function relabelName(directoryFd: number, name: Buffer, label: Buffer): void {
  const path = Buffer.concat([Buffer.from(`/proc/self/fd/${directoryFd}/`), name]);
  const result = lsetxattr(path, attribute, label);
  if (result < 0 && result !== -EOPNOTSUPP && result !== -ENOENT) {
    throw errnoError(result, `labelling ${quotePath(name.subarray(0, -1))}`);
  }
}

function* relabelBelow(rootFd: number, label: Buffer): Generator<void, void> {
  const reader = new DirectoryReader();
  const pending: Buffer[] = [Buffer.from(".")];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const fd = openat2(rootFd, Buffer.concat([path, end]), openBelow);
    // Gone, or replaced meanwhile.
    if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) continue;
    if (fd < 0) throw errnoError(fd, `opening ${quotePath(path)}`);
    try {
      const parent = path;
      const visit = (name: Buffer, type: number): void => {
        relabelName(fd, name, label);
        if (type === directoryType) pending.push(Buffer.concat([parent, slash, name.subarray(0, -1)]));
      };
      for (let result = 1; result > 0;) {
        result = reader.read(fd, visit);
        if (result < 0 && result !== -ENOENT) throw errnoError(result, `reading ${quotePath(path)}`);
        checkPending(pending.length);
        yield;
      }
    } finally {
      close(fd);
    }
  }
}

/**
 * Gives a file, or a directory and all below it, what is mounted there included, an SELinux label. `path`, whose links before the last
 * name are followed, is trusted; links below it are not followed. Gives control back after each few hundred files. NotFound;
 * PermissionDenied. On a kernel without SELinux the label is stored and means nothing.
 */
export function* relabelTree(path: string, label: string): Generator<void, void> {
  const doing = `labelling "${path}"`;
  const bytes = Buffer.from(`${label}\0`);
  const fd = check(openat(AT_FDCWD, Buffer.from(`${path}\0`), O_PATH | O_CLOEXEC, 0), doing);
  try {
    const result = setxattr(descriptorPath(fd), attribute, bytes);
    if (result < 0 && result !== -EOPNOTSUPP) throw errnoError(result, "labelling it");
    const directory = openat(fd, Buffer.from(".\0"), openDirectoryFlags, 0);
    if (directory === -ENOTDIR) return;
    check(directory, "opening it");
    try {
      yield* relabelBelow(directory, bytes);
    } finally {
      close(directory);
    }
  } catch (reason) {
    throw StatusError.from(reason, doing);
  } finally {
    close(fd);
  }
}
