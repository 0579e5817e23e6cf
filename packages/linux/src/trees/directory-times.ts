import { constants as fsConstants } from "node:fs";
import { constants } from "node:os";

import { Code, StatusError } from "@crib/errdefs";

import { NameBuffer } from "./name-buffer.ts";
import { close, futimens, O_CLOEXEC, openat2, openHow, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from "./tree-calls.ts";
import { entryError } from "./tree-error.ts";
import { defaultAcl, timesOf, type TreeMetadata } from "./tree-metadata.ts";
import { fsetxattr } from "./xattr-calls.ts";

const { ELOOP, ENOENT, ENOTDIR, EOPNOTSUPP } = constants.errno;
const blockBytes = 1 << 18;
/** Real layers need a few; when there are more, the times so far are set before their time. */
const maximumBlocks = 128;
const fixedBytes = 26;
const maximumAclBytes = 4 << 20;
const openHere = openHow(
  fsConstants.O_RDONLY | fsConstants.O_DIRECTORY | fsConstants.O_NOFOLLOW | O_CLOEXEC,
  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
);
const aclName = Buffer.from(`${defaultAcl}\0`);

/**
 * Keeps what directories get only when nothing is made in them any more: their times, which each new entry changes, and default
 * ACLs, which each new entry would inherit. Kept outside of the heap, since a layer may have very many directories.
 */
export class DirectoryTimes {
  readonly #rootFd: number;
  readonly #blocks: Buffer[] = [];
  readonly #acls: { readonly path: Buffer; readonly value: Buffer }[] = [];
  readonly #name = new NameBuffer();
  #fill = blockBytes;
  #aclBytes = 0;

  constructor(rootFd: number) {
    this.#rootFd = rootFd;
  }

  /** Notes the times of a directory; of repeated ones the last count. */
  add(path: Uint8Array, metadata: TreeMetadata): void {
    const bytes = fixedBytes + path.length;
    if (this.#fill + bytes > blockBytes) {
      if (this.#blocks.length >= maximumBlocks) this.apply();
      this.#blocks.push(Buffer.allocUnsafeSlow(blockBytes));
      this.#fill = 0;
    }
    const block = this.#blocks.at(-1) as Buffer;
    const at = this.#fill;
    block.writeUInt16LE(path.length, at);
    block.writeDoubleLE(metadata.atime.seconds, at + 2);
    block.writeDoubleLE(metadata.mtime.seconds, at + 10);
    block.writeUInt32LE(metadata.atime.nanoseconds, at + 18);
    block.writeUInt32LE(metadata.mtime.nanoseconds, at + 22);
    block.set(path, at + fixedBytes);
    this.#fill = at + bytes;
    // Ends the list, until another one is written there.
    if (this.#fill + 2 <= blockBytes) block.writeUInt16LE(0xffff, this.#fill);
  }

  /** Notes a default ACL. ResourceExhausted when they take too much memory. */
  addAcl(path: Uint8Array, value: Uint8Array): void {
    this.#aclBytes += path.length + value.length;
    if (this.#aclBytes > maximumAclBytes) {
      throw new StatusError(
        Code.ResourceExhausted,
        `unpacking tree: more than ${maximumAclBytes} bytes of default ACLs`,
      );
    }
    this.#acls.push({ path: Buffer.from(path), value: Buffer.from(value) });
  }

  /** Sets what was noted, and forgets it. Directories that have been replaced by something else are passed over. */
  apply(): void {
    for (const { path, value } of this.#acls) {
      this.#with(path, 0, path.length, (fd) => {
        const result = fsetxattr(fd, aclName, value);
        return result === -EOPNOTSUPP ? 0 : result;
      });
    }
    this.#acls.length = 0;
    for (const block of this.#blocks) this.#applyBlock(block);
    this.#blocks.length = 0;
    this.#fill = blockBytes;
  }

  #applyBlock(block: Buffer): void {
    for (let at = 0; at + fixedBytes <= blockBytes;) {
      const length = block.readUInt16LE(at);
      if (length === 0xffff) return;
      const atime = { seconds: block.readDoubleLE(at + 2), nanoseconds: block.readUInt32LE(at + 18) };
      const mtime = { seconds: block.readDoubleLE(at + 10), nanoseconds: block.readUInt32LE(at + 22) };
      const start = at + fixedBytes;
      this.#with(block, start, start + length, (fd) => futimens(fd, timesOf(atime, mtime)));
      at = start + length;
    }
  }

  #with(bytes: Buffer, start: number, end: number, change: (fd: number) => number): void {
    if (start === end) return this.#check(change(this.#rootFd), bytes, start, end);
    const fd = openat2(this.#rootFd, this.#name.set(bytes, start, end), openHere);
    if (fd === -ENOENT || fd === -ENOTDIR || fd === -ELOOP) return;
    this.#check(fd, bytes, start, end);
    const result = change(fd);
    close(fd);
    this.#check(result, bytes, start, end);
  }

  #check(result: number, bytes: Buffer, start: number, end: number): void {
    if (result < 0) throw entryError(result, "setting the times of", bytes.subarray(start, end));
  }
}
