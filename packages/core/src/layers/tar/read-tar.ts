import { TarReader } from "./tar-reader.ts";
import type { TarEntry, TarLimits } from "./types.ts";

/** What an archive holds, in its order; bytes and paths are valid until the next event is asked for. */
export type TarEvent =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  /** Some of the data of the entry before; not empty. */
  | { readonly kind: "data"; readonly bytes: Buffer }
  /** The data of the file before is complete. */
  | { readonly kind: "endOfFile" };

/**
 * Reads an archive as it comes; the source is read no faster than the events are taken, and to its end. Errors as of `TarReader`, and
 * the source's own.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, limits: TarLimits): AsyncGenerator<TarEvent, void> {
  const events: TarEvent[] = [];
  const reader = new TarReader(
    {
      entry: (entry) => void events.push({ kind: "entry", entry }),
      data: (chunk, start, end) => void events.push({ kind: "data", bytes: chunk.subarray(start, end) }),
      endOfFile: () => void events.push({ kind: "endOfFile" }),
    },
    limits,
  );
  for await (const chunk of source) {
    reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    yield* events;
    events.length = 0;
  }
  reader.finish();
}
