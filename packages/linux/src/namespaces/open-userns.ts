import { closeSync, constants, openSync } from "node:fs";

import { attempt } from "../libc/errno-error.ts";
import { type IdMapping, withUsernsHelper } from "./userns-helper.ts";

/** How the ids of a user namespace lie in the host's. */
export interface UsernsMappings {
  /** At least one; see user_namespaces(7). */
  readonly uids: readonly IdMapping[];
  /** At least one. */
  readonly gids: readonly IdMapping[];
}

/** A user namespace that exists as long as this, or anything else in it, does. */
export interface HeldUserns extends Disposable {
  /** Close-on-exec; any thread of the process may use it. */
  readonly fd: number;
}

/**
 * Opens the user namespace pinned at a path, or makes one with these mappings in which nothing runs; the latter takes some 10 ms, for
 * a short-lived helper process makes it. The caller disposes it.
 */
export async function openUserns(source: string | UsernsMappings, signal?: AbortSignal): Promise<HeldUserns> {
  const open = (path: string): number =>
    attempt(`opening user namespace "${path}"`, () => openSync(path, constants.O_RDONLY));
  const fd =
    typeof source === "string"
      ? open(source)
      : await withUsernsHelper({ ...source, kinds: ["user"] }, (proc) => open(`${proc}/ns/user`), signal);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
