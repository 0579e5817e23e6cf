import { getdents } from "./tree-calls.ts";

/** `DT_DIR` of getdents64(2). */
export const directoryType = 4;

/** Bytes of entries that are read at a time. */
const batchBytes = 1 << 15;

/** Takes one entry: the name ends with a NUL and is valid during the call; `place` is where reading goes on after it. */
export type EntryVisitor = (name: Buffer, type: number, place: bigint) => void;

/** Reads a directory in batches, in memory that is used again. Not `.` and `..`. */
export class DirectoryReader {
  readonly #entries: Buffer = Buffer.allocUnsafeSlow(batchBytes);

  /** Visits the next entries. Zero at the end, else more than zero, or a negative errno. */
  read(fd: number, visit: EntryVisitor): number {
    const entries = this.#entries;
    const bytes = getdents(fd, entries);
    for (let at = 0; at < bytes;) {
      const length = entries.readUInt16LE(at + 16);
      const nameAt = at + 19;
      if (!isDots(entries, nameAt)) {
        const end = entries.indexOf(0, nameAt);
        visit(entries.subarray(nameAt, end + 1), entries[at + 18] as number, entries.readBigInt64LE(at + 8));
      }
      at += length;
    }
    return bytes;
  }
}

function isDots(entries: Buffer, at: number): boolean {
  return entries[at] === 0x2e && (entries[at + 1] === 0 || (entries[at + 1] === 0x2e && entries[at + 2] === 0));
}
