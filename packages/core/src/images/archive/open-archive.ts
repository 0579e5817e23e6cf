import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";

const chunkBytes = 256 << 10;
/** What zstd(1) reads without being asked for more: windows of 128 MiB. */
const windowLogMax = 27;

function asBuffer(chunk: Uint8Array): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

/** The next chunk, or the signal's reason, whichever is first. */
function nextChunk(iterator: AsyncIterator<Uint8Array>, signal: AbortSignal): Promise<IteratorResult<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    iterator
      .next()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The source's chunks, also when it hangs: the signal ends the wait. The first one has 4 bytes where the source has. */
async function* chunksUntil(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer | undefined = Buffer.alloc(0);
  let isDone = false;
  try {
    for (;;) {
      const next = await nextChunk(iterator, signal);
      if (next.done === true) break;
      const chunk = asBuffer(next.value);
      if (head !== undefined) head = Buffer.concat([head, chunk]);
      if (head !== undefined && head.length < 4) continue;
      yield head ?? chunk;
      head = undefined;
    }
    isDone = true;
    if (head !== undefined && head.length > 0) yield head;
  } finally {
    // Not awaited: a source that hangs would hang here too; it has been told.
    if (!isDone) void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/** How the bytes of a layer or an archive are compressed, from the first four of them. */
export function compressionOf(head: Uint8Array): "gzip" | "zstd" | "none" {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd ? "zstd" : "none";
}

function inflaterFor(head: Buffer): Transform | undefined {
  const compression = compressionOf(head);
  if (compression === "gzip") return createGunzip({ chunkSize: chunkBytes });
  if (compression === "none") return undefined;
  return createZstdDecompress({
    chunkSize: chunkBytes,
    params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
  });
}

async function* withFirst(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

/** Errors of zlib and libzstd say that the archive is bad; all others are the source's. */
function asArchiveError(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !/^(?:Z_|ZSTD_|ERR_ZLIB_)/.test(code)) return error;
  return new StatusError(Code.InvalidArgument, `reading image archive: inflating it: ${(error as Error).message}`, {
    cause: error,
  });
}

async function* inflate(chunks: AsyncIterable<Buffer>, inflater: Transform): AsyncGenerator<Buffer> {
  const feeding = pipeline(chunks, inflater);
  // The same error comes out of the inflater, where the loop below meets it.
  feeding.catch(() => {});
  try {
    for await (const chunk of inflater) yield chunk as Buffer;
    await feeding;
  } catch (error) {
    throw asArchiveError(error);
  } finally {
    inflater.destroy();
  }
}

/**
 * The bytes of an archive: what the source has, inflated when it is gzip or zstd (in the thread pool). Leaving the loop
 * early ends the source. Errors: those of the source, InvalidArgument for bytes that cannot be inflated, and the signal's
 * reason, also while the source hangs.
 */
export async function* openArchive(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const chunks = chunksUntil(source, signal);
  const first = await chunks.next();
  if (first.done === true) return;
  const all = withFirst(first.value, chunks);
  const inflater = inflaterFor(first.value);
  yield* inflater === undefined ? all : inflate(all, inflater);
}
