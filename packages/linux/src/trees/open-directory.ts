import { check } from "../libc/errno-error.ts";
import { openat, openDirectoryFlags } from "./tree-calls.ts";

const AT_FDCWD = -100;

/**
 * Opens an existing directory by its trusted path, to be closed by `close` of the tree calls. Not by `node:fs`, which keeps account of
 * what a worker thread has opened and would close the number again when the thread ends. NotFound.
 */
export function openDirectory(path: string, doing: string): number {
  return check(openat(AT_FDCWD, Buffer.from(`${path}\0`), openDirectoryFlags, 0), doing);
}
