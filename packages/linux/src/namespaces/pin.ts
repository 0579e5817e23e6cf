import { closeSync, constants as fsConstants, openSync, unlinkSync } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { attempt, errnoError, errnoName } from "../libc/errno-error.ts";
import { mount, umount2 } from "../libc/libc.ts";
import { MountFlag, UmountFlag } from "../mounts/flags.ts";
import { namespaceState } from "./namespace-state.ts";

/** More mounts than this on one pin is somebody's loop, not a retry of ours. */
const maximumLayers = 16;

/** Makes the file `path` show the namespace that `source` shows. The file must not exist; a failed call leaves none. */
export function bindNamespace(source: string, path: string): void {
  const doing = `pinning namespace "${path}"`;
  const flags = fsConstants.O_RDONLY | fsConstants.O_CREAT | fsConstants.O_EXCL;
  closeSync(attempt(doing, () => openSync(path, flags, 0o444)));
  const result = mount(source, path, null, MountFlag.BIND, null);
  if (result === 0) return;
  unlinkSync(path);
  throw errnoError(result, doing);
}

/**
 * Takes a pinned namespace off its file and removes the file. A missing one succeeds. Only mounts of namespaces are
 * taken off: a path that shows anything else is at most unlinked as the plain file that an interrupted pin left.
 */
export function removePin(path: string): void {
  const doing = `unpinning namespace "${path}"`;
  for (let layer = 0; layer < maximumLayers; layer += 1) {
    const state = namespaceState(path);
    if (state === "missing") return;
    if (state === "file") return removeFile(path, doing);
    // Detached: whoever still has the file open must not keep the pod's removal waiting.
    const result = umount2(path, UmountFlag.DETACH | UmountFlag.NOFOLLOW);
    if (result < 0 && result !== -constants.errno.ENOENT) throw errnoError(result, doing);
  }
  throw new StatusError(Code.FailedPrecondition, `${doing}: more than ${maximumLayers} mounts on it`);
}

function removeFile(path: string, doing: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoName(error) !== "ENOENT") throw StatusError.from(error, doing);
  }
}

/** Unpins what one call had pinned before it failed; what cannot be undone joins the error. */
export function undoPins(paths: readonly string[], reason: unknown): unknown {
  let error = reason;
  for (const path of paths.toReversed()) {
    try {
      removePin(path);
    } catch (undoError) {
      error = new SuppressedError(undoError, error, `unpinning namespace "${path}" after a failure`);
    }
  }
  return error;
}
