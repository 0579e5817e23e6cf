import { constants } from "node:fs";
import { type FileHandle, lstat, open, unlink } from "node:fs/promises";

import { Code, StatusError } from "@crib/errdefs";

/** Which file an archive is written to, so that a part of one can be told from a file of somebody else. */
export interface OutputIdentity {
  readonly location: string;
  /** Decimal. */
  readonly device: string;
  readonly inode: string;
}

/** A new file, and what it is. */
export interface ArchiveOutput {
  readonly handle: FileHandle;
  readonly identity: OutputIdentity;
}

/**
 * Makes the file that an archive goes to, readable for root only. Nothing that is there is opened, followed or overwritten. AlreadyExists;
 * FailedPrecondition where its directory does not exist.
 */
export async function openArchiveOutput(location: string): Promise<ArchiveOutput> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  let handle: FileHandle;
  try {
    handle = await open(location, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (reason) {
    const error = StatusError.from(reason, `making "${location}"`);
    throw error.code === Code.NotFound
      ? new StatusError(Code.FailedPrecondition, error.message, { cause: reason })
      : error;
  }
  const { dev, ino } = await handle.stat({ bigint: true });
  return { handle, identity: { location, device: String(dev), inode: String(ino) } };
}

/** Removes an archive that was not completed; another file that has its name by now stays. Absence is success. */
export async function removeArchiveOutput({ location, device, inode }: OutputIdentity): Promise<void> {
  try {
    const { dev, ino } = await lstat(location, { bigint: true });
    if (String(dev) === device && String(ino) === inode) await unlink(location);
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw StatusError.from(reason, `removing "${location}"`);
  }
}
