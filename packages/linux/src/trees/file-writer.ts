import { constants } from "node:os";

import { close, fchmod, fchown, ftruncate, futimens, pwrite, startWriteback, write } from "./tree-calls.ts";
import { entryError } from "./tree-error.ts";
import { setXattrs, timesOf, type TreeMetadata } from "./tree-metadata.ts";

/** Written data of which the disk is told at once: it then writes while more is unpacked, and the sync at the end is short. */
const writebackBytes = 8 << 20;
const { EINTR } = constants.errno;

/** Where the data of a file with holes belongs. */
export interface SparseContent {
  /** Bytes of the file, holes included. */
  readonly size: number;
  /** Pairs of offset and length, ascending; data comes in this order. */
  readonly regions: Float64Array;
}

/** What a new file lacks, since its directory or the umask had a say. */
export interface FileNeeds {
  readonly needsOwner: boolean;
  readonly needsMode: boolean;
}

/** Writes one file after another: its data as they come, then what else it has. */
export class FileWriter {
  #fd = -1;
  #path: Uint8Array = Buffer.alloc(0);
  #metadata: TreeMetadata | undefined;
  #needs: FileNeeds = { needsOwner: false, needsMode: false };
  #sparse: SparseContent | undefined;
  /** Index of the region that data belongs to, and how much of it is there. */
  #region = 0;
  #regionFill = 0;
  #written = 0;
  #told = 0;

  /** Takes the descriptor of a new, empty file over. */
  start(fd: number, path: Buffer, metadata: TreeMetadata, needs: FileNeeds, sparse: SparseContent | undefined): void {
    this.#fd = fd;
    // The bytes are the caller's only during its call, and a file may take many.
    this.#path = Buffer.from(path);
    this.#metadata = metadata;
    this.#needs = needs;
    this.#sparse = sparse;
    this.#region = 0;
    this.#regionFill = 0;
    this.#written = 0;
    this.#told = 0;
    if (sparse !== undefined) this.#check(ftruncate(fd, sparse.size), "setting the size of");
  }

  write(chunk: Buffer, start: number, end: number): void {
    if (this.#sparse !== undefined) return this.#writeRegions(this.#sparse, chunk, start, end);
    for (let at = start; at < end;) {
      const result = write(this.#fd, chunk.subarray(at, end));
      if (result !== -EINTR) at += this.#check(result, "writing");
    }
    this.#written += end - start;
    if (this.#written - this.#told < writebackBytes) return;
    startWriteback(this.#fd, this.#told, this.#written - this.#told);
    this.#told = this.#written;
  }

  end(): void {
    const metadata = this.#metadata as TreeMetadata;
    const fd = this.#fd;
    // A change of the owner clears the set-id bits and file capabilities, so it comes first; times come last.
    if (this.#needs.needsOwner) this.#check(fchown(fd, metadata.uid, metadata.gid), "setting the owner of");
    if (this.#needs.needsMode) this.#check(fchmod(fd, metadata.mode), "setting the mode of");
    if (metadata.xattrs.length > 0) setXattrs(fd, metadata.xattrs, this.#path);
    this.#check(futimens(fd, timesOf(metadata.atime, metadata.mtime)), "setting the times of");
    this.abort();
  }

  /** Closes the file as it is, if there is one. */
  abort(): void {
    if (this.#fd >= 0) close(this.#fd);
    this.#fd = -1;
  }

  #writeRegions(sparse: SparseContent, chunk: Buffer, start: number, end: number): void {
    for (let at = start; at < end;) {
      const offset = sparse.regions[this.#region] as number;
      const length = sparse.regions[this.#region + 1] as number;
      if (this.#regionFill === length) {
        this.#region += 2;
        this.#regionFill = 0;
        continue;
      }
      const part = chunk.subarray(at, Math.min(end, at + length - this.#regionFill));
      const result = pwrite(this.#fd, part, offset + this.#regionFill);
      if (result === -EINTR) continue;
      at += this.#check(result, "writing");
      this.#regionFill += result;
    }
  }

  #check(result: number, doing: string): number {
    if (result < 0) throw entryError(result, doing, this.#path);
    return result;
  }
}
