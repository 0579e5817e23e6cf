import { constants } from "node:os";

import { errnoError } from "../libc/errno-error.ts";
import { FileStatus, FileType } from "./file-status.ts";
import { NameBuffer } from "./name-buffer.ts";
import { openDirectory } from "./open-directory.ts";
import { close, openat, openDirectoryFlags } from "./tree-calls.ts";
import { descriptorPath } from "./tree-metadata.ts";
import { getxattr } from "./xattr-calls.ts";

const { ENOENT } = constants.errno;
const opaqueName = Buffer.from("trusted.overlay.opaque\0");
const slash = 0x2f;

function isOpaque(fd: number): boolean {
  const value = Buffer.alloc(8);
  return getxattr(descriptorPath(fd), opaqueName, value) === 1 && value[0] === 0x79;
}

function splitPath(path: Uint8Array): readonly (readonly [start: number, end: number])[] {
  const parts: (readonly [number, number])[] = [];
  for (let start = 0; start < path.length;) {
    const found = path.indexOf(slash, start);
    const end = found < 0 ? path.length : found;
    if (end > start) parts.push([start, end]);
    start = end + 1;
  }
  return parts;
}

/** Directories that overlayfs would show as one; the first hides what it has in common with those behind it. */
class MergedDirectory implements Disposable {
  readonly fds: number[] = [];

  [Symbol.dispose](): void {
    for (const fd of this.fds) close(fd);
    this.fds.length = 0;
  }
}

/** Layers, the nearest first, looked up as overlayfs would show them stacked, without mounting them. Links are not followed. */
export class LayerStack implements Disposable {
  readonly #roots = new MergedDirectory();
  readonly #status = new FileStatus();
  readonly #name = new NameBuffer();

  /** The directories are trusted. NotFound. */
  constructor(layers: readonly string[]) {
    try {
      for (const layer of layers) this.#roots.fds.push(openDirectory(layer, `opening layer "${layer}"`));
    } catch (error) {
      this.#roots[Symbol.dispose]();
      throw error;
    }
  }

  get roots(): readonly number[] {
    return this.#roots.fds;
  }

  [Symbol.dispose](): void {
    this.#roots[Symbol.dispose]();
  }

  /** Hands the directories of that path to `body`, the nearest first; none where there is no such directory. */
  withDirectory<T>(path: Uint8Array, body: (fds: readonly number[]) => T): T {
    const parts = splitPath(path);
    if (parts.length === 0) return body(this.#roots.fds);
    using directory = this.#open(path, parts);
    return body(directory.fds);
  }

  /**
   * Hands the parent directory and the name of a file (anything but a directory) to `body`; the name ends with a NUL. Undefined when
   * there is no such file.
   */
  withFile<T>(path: Uint8Array, body: (parentFd: number, name: Buffer, status: FileStatus) => T): T | undefined {
    const parts = splitPath(path);
    const last = parts.at(-1);
    if (last === undefined) return undefined;
    return this.withDirectory(path.subarray(0, last[0]), (fds) => {
      const name = this.#name.set(path, last[0], last[1]);
      for (const fd of fds) {
        const result = this.#status.read(fd, name);
        if (result === -ENOENT) continue;
        if (result < 0) throw errnoError(result, "looking up a file of a layer");
        const isFile = this.#status.type !== FileType.directory && !this.#status.isWhiteout;
        return isFile ? body(fd, name, this.#status) : undefined;
      }
      return undefined;
    });
  }

  #open(path: Uint8Array, parts: ReturnType<typeof splitPath>): MergedDirectory {
    let merged = new MergedDirectory();
    let from: readonly number[] = this.#roots.fds;
    try {
      for (const [start, end] of parts) {
        const next = this.#descend(from, this.#name.set(path, start, end));
        merged[Symbol.dispose]();
        merged = next;
        from = next.fds;
      }
    } catch (error) {
      merged[Symbol.dispose]();
      throw error;
    }
    return merged;
  }

  #descend(from: readonly number[], name: Buffer): MergedDirectory {
    const next = new MergedDirectory();
    for (const fd of from) {
      const result = this.#status.read(fd, name);
      if (result === -ENOENT) continue;
      // A file or a whiteout hides what is behind it.
      if (result < 0 || this.#status.type !== FileType.directory) break;
      const opened = openat(fd, name, openDirectoryFlags, 0);
      if (opened < 0) break;
      next.fds.push(opened);
      if (isOpaque(opened)) break;
    }
    return next;
  }
}
