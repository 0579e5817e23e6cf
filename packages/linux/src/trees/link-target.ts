import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { errnoError } from "../libc/errno-error.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { quotePath } from "./tree-error.ts";

const { EPERM } = constants.errno;
const status = new FileStatus();

/** InvalidArgument when the target of a hard link (a name of an open directory) is the mark of a removed file. */
export function refuseWhiteout(directoryFd: number, name: Uint8Array, path: Uint8Array): void {
  if (status.read(directoryFd, name) < 0 || !status.isWhiteout) return;
  throw new StatusError(Code.InvalidArgument, `making hard link ${quotePath(path)}: its layer removes the target`);
}

/** Tells why the kernel did not permit a hard link: InvalidArgument when the target is a directory. */
export function refuseDirectory(directoryFd: number, name: Uint8Array, path: Uint8Array): never {
  if (status.read(directoryFd, name) === 0 && status.type === FileType.directory) {
    throw new StatusError(Code.InvalidArgument, `making hard link ${quotePath(path)}: the target is a directory`);
  }
  throw errnoError(-EPERM, `making hard link ${quotePath(path)}`);
}

/** Whether two names are of one file. */
export function isSameFile(oneFd: number, one: Uint8Array, otherFd: number, other: Uint8Array): boolean {
  if (status.read(oneFd, one) < 0) return false;
  const { identity } = status;
  return status.read(otherFd, other) === 0 && status.identity === identity;
}
