import { closeSync, constants, fchmodSync, fstatSync, lstatSync, openSync } from "node:fs";
import { dirname } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { makeDirectories } from "./log-place.ts";

const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
/** A FIFO or a terminal that is put there between the look and the opening must not block or become ours. */
const flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
const fileMode = 0o640;

/**
 * Opens a container's log for appending; makes it (0640), with the directories it lacks (0755), where there is none. Gives a descriptor that the
 * caller closes. FailedPrecondition for what is no regular file, a symbolic link included: it is not followed.
 */
export function openLogFile(path: string): number {
  return openRegular(path) ?? makeFile(path);
}

/** Undefined when there is nothing. */
function openRegular(path: string): number | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw refusal();
  const fd = openSync(path, flags);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw refusal();
}

function refusal(): StatusError {
  return new StatusError(Code.FailedPrecondition, "it is not a regular file");
}

function makeFile(path: string): number {
  makeDirectories(dirname(path));
  const fd = openSync(path, flags | O_CREAT | O_EXCL, fileMode);
  // The umask took bits away.
  fchmodSync(fd, fileMode);
  return fd;
}
