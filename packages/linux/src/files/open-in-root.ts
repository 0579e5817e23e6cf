import { closeSync, constants as fsConstants, openSync } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { attempt, check, errnoError } from "../libc/errno-error.ts";
import { mkdirat, openat2 } from "../libc/libc.ts";

/** `O_PATH` and `O_CLOEXEC`, which `fs.constants` lacks; the same on all architectures that Node runs on. */
const O_PATH = 0o10_000_000;
const O_CLOEXEC = 0o2_000_000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
/** EAGAIN means that something was renamed meanwhile, openat2(2). Somebody could do that for ever. */
const maximumRetries = 64;

function openBelow(rootFd: number, path: string, flags: number, mode: number): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  for (let attempt = 0; ; attempt += 1) {
    const result = openat2(rootFd, path, how);
    const isRetried = result === -constants.errno.EAGAIN || result === -constants.errno.EINTR;
    if (!isRetried || attempt >= maximumRetries) return result;
  }
}

function withRoot<T>(root: number | string, doing: string, body: (rootFd: number) => T): T {
  if (typeof root === "number") return body(root);
  const fd = attempt(doing, () => openSync(root, O_PATH | fsConstants.O_DIRECTORY));
  try {
    return body(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Opens a path as a process would see it whose root directory is `root` (a path that is trusted, or its descriptor): no
 * symbolic link, `..` or rename leads out of it. Magic links of /proc are refused (ELOOP). `flags` are `O_*` of
 * `fs.constants`; opening a FIFO or a device may block without O_NONBLOCK. Gives a descriptor, close-on-exec, that the
 * caller closes. Needs Linux 5.6.
 */
export function openInRoot(root: number | string, path: string, flags: number, mode = 0): number {
  const doing = `opening "${path}" in root "${root}"`;
  return withRoot(root, doing, (rootFd) => check(openBelow(rootFd, path, flags, mode), doing));
}

/**
 * Makes a directory, with the parents it lacks, seen as `openInRoot` sees paths. Idempotent; a dangling symbolic link on
 * the way is NotFound. The mode (default 0o755) is reduced by the umask.
 */
export function mkdirInRoot(root: number | string, path: string, mode = 0o755): void {
  const doing = `making directory "${path}" in root "${root}"`;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  // "a/../b" means b only if a is no link; nobody needs such a path, so none is walked.
  if (parts.includes("..")) throw new StatusError(Code.InvalidArgument, `${doing}: has ".."`);
  withRoot(root, doing, (rootFd) => {
    let parent = ".";
    for (const part of parts) {
      const parentFd = check(openBelow(rootFd, parent, O_PATH | fsConstants.O_DIRECTORY, 0), doing);
      try {
        const result = mkdirat(parentFd, part, mode);
        if (result < 0 && result !== -constants.errno.EEXIST) throw errnoError(result, doing);
      } finally {
        closeSync(parentFd);
      }
      parent = `${parent}/${part}`;
    }
    // Something else than a directory, or a link to nowhere, may have been there.
    closeSync(check(openBelow(rootFd, parent, O_PATH | fsConstants.O_DIRECTORY, 0), doing));
  });
}
