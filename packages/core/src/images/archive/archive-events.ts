import { setImmediate } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { TarReader } from "../../layers/tar/tar-reader.ts";
import type { TarEntry } from "../../layers/tar/types.ts";
import type { ArchiveLimits } from "./types.ts";

/** A file or link of an archive; other entries mean nothing in one. Hostile input. */
export interface ArchiveEntry {
  readonly type: "file" | "link" | "symlink";
  readonly name: string;
  /** What a link leads to; otherwise empty. */
  readonly link: string;
  readonly size: number;
}

/** What comes next in an archive. */
export type ArchiveEvent =
  | { readonly kind: "entry"; readonly entry: ArchiveEntry }
  /** Valid until the next event is asked for. At most 512 KiB. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "end" };

/** Small enough to be hashed between two turns of the event loop without holding it up. */
const pieceBytes = 512 << 10;
/** A source that has all its bytes at hand must not keep others waiting either. */
const turnBytes = 4 << 20;
/** Padding that is read after the end of an archive, so that whoever sends it can finish. */
const tailBytes = 1 << 20;
const headerBytes = 64 << 10;

/** Collects what one piece holds. */
class Events {
  readonly list: ArchiveEvent[] = [];
  #isFile = false;

  entry(entry: TarEntry): void {
    this.#isFile = entry.type === "file";
    if (entry.sparse !== undefined) {
      throw new StatusError(Code.InvalidArgument, "reading image archive: it has a sparse file");
    }
    if (entry.type === "file" || entry.type === "link" || entry.type === "symlink") {
      const { type, size } = entry;
      this.list.push({
        kind: "entry",
        entry: { type, size, name: entry.path.toString(), link: entry.linkPath.toString() },
      });
    }
  }

  data(chunk: Buffer, start: number, end: number): void {
    if (this.#isFile) this.list.push({ kind: "data", bytes: chunk.subarray(start, end) });
  }

  endOfFile(): void {
    this.list.push({ kind: "end" });
  }

  take(): readonly ArchiveEvent[] {
    return this.list.splice(0);
  }
}

/**
 * The files and links of a tar archive, in its order. Gives way to others every few MiB. Errors: as of TarReader; ResourceExhausted
 * above `limits.bytes`; InvalidArgument for an archive that ends early.
 */
export async function* archiveEvents(
  source: AsyncIterable<Buffer>,
  limits: Pick<ArchiveLimits, "bytes" | "entries">,
): AsyncGenerator<ArchiveEvent> {
  const events = new Events();
  const reader = new TarReader(events, { headers: limits.entries, headerBytes });
  let total = 0;
  let sinceTurn = 0;
  let tail = 0;
  for await (const chunk of source) {
    if (reader.hasEnded && (tail += chunk.length) > tailBytes) return;
    for (let at = 0; at < chunk.length && !reader.hasEnded; at += pieceBytes) {
      const piece = chunk.subarray(at, at + pieceBytes);
      total += piece.length;
      if (total > limits.bytes) {
        throw new StatusError(Code.ResourceExhausted, `reading image archive: it has more than ${limits.bytes} bytes`);
      }
      reader.push(piece);
      yield* events.take();
      if ((sinceTurn += piece.length) < turnBytes) continue;
      sinceTurn = 0;
      await setImmediate();
    }
  }
  reader.finish();
}
