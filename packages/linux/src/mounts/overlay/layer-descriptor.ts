import { closeSync, constants, openSync } from "node:fs";

import { attempt, check } from "../../libc/errno-error.ts";
import { close } from "../../libc/libc.ts";
import { cloneTree, MountAttribute, setMountAttributes } from "../../libc/mount-api.ts";

/** `O_PATH`, which `fs.constants` lacks. */
const O_PATH = 0o10_000_000;

/** Opens a directory without the right to read it; the stack closes it. */
export function openDirectory(path: string, stack: DisposableStack): number {
  return stack.adopt(
    attempt(`opening directory "${path}"`, () => openSync(path, O_PATH | constants.O_DIRECTORY)),
    closeSync,
  );
}

/** A copy of the mount at `path`, attached nowhere, which shows owners as the user namespace has them; it goes with the stack. */
export function cloneIdmapped(path: string, usernsFd: number, stack: DisposableStack): number {
  const fd = stack.adopt(check(cloneTree(path), `cloning the mount of "${path}"`), close);
  const doing = `mapping the owners of "${path}"`;
  check(setMountAttributes(fd, MountAttribute.IDMAP, usernsFd), doing);
  return fd;
}

/** What overlayfs or a bind takes of a directory: itself or, with a user namespace, an id-mapped copy of its mount. */
export function openLayer(path: string, usernsFd: number | undefined, stack: DisposableStack): number {
  return usernsFd === undefined ? openDirectory(path, stack) : cloneIdmapped(path, usernsFd, stack);
}
