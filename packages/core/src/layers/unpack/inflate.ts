import { constants, createGunzip, createZstdDecompress, type Gunzip, type ZstdDecompress } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";

import { giveTurn, type JobControl } from "../worker/job-control.ts";
import { TurnLock } from "../worker/turn-lock.ts";
import type { BlobSource } from "./blob-source.ts";
import { ZstdFrames } from "./zstd-frames.ts";

/** What is inflated at a time; while a chunk is being written, the next one is inflated on another thread. */
const chunkBytes = 1 << 18;
/** Window of 32 MiB: the largest that builders of images use, and what a layer may make this process hold. */
const zstdWindowLog = 25;

/** Smaller windows need nobody's leave: what builders use by default. */
const freeWindowBytes = 8 << 20;

type Compression = "gzip" | "zstd" | "none";
type Engine = Gunzip | ZstdDecompress;

/** Of this thread. */
const largeWindow = new TurnLock();

function detect(head: Buffer): Compression {
  if (head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return "gzip";
  const magic = head.length >= 4 ? head.readUInt32LE() : 0;
  const isZstd = magic === 0xfd2fb528 || (magic & 0xfffffff0) === 0x184d2a50;
  return isZstd ? "zstd" : "none";
}

function createEngine(compression: "gzip" | "zstd"): Engine {
  const options = { chunkSize: chunkBytes, highWaterMark: chunkBytes };
  if (compression === "gzip") return createGunzip(options);
  return createZstdDecompress({ ...options, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } });
}

/** Writes and waits until it is used up. An engine that fails calls nobody back, it only closes. */
async function feed(engine: Engine, chunk: Buffer): Promise<void> {
  if (engine.destroyed || engine.readableEnded) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  engine.once("close", resolve);
  engine.write(chunk, () => resolve());
  await promise;
  engine.off("close", resolve);
}

/** Feeds zstd frame by frame; large windows of several layers come one after the other. */
class FrameFeeder implements Disposable {
  readonly #engine: Engine;
  readonly #control: JobControl;
  readonly #frames = new ZstdFrames();
  #lease: Disposable | undefined;

  constructor(engine: Engine, control: JobControl) {
    this.#engine = engine;
    this.#control = control;
  }

  async feed(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const end = this.#frames.endOfFrame(chunk, at);
      if (this.#frames.windowBytes > freeWindowBytes) this.#lease ??= await largeWindow.take(this.#control);
      await feed(this.#engine, chunk.subarray(at, end));
      at = end;
    }
  }

  /** When the decompressor is gone, since it keeps the memory of its largest frame. */
  [Symbol.dispose](): void {
    this.#lease?.[Symbol.dispose]();
  }
}

/** Feeds a blob to an engine, until one of them ends. The next chunk is read and hashed while the one before is in use. */
async function feedAll(
  engine: Engine,
  source: BlobSource,
  first: Buffer,
  feedChunk: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  for (let chunk: Buffer | undefined = first; chunk !== undefined;) {
    const isUsed = feedChunk(chunk);
    try {
      chunk = engine.readableEnded ? undefined : await source.next();
    } finally {
      await isUsed;
    }
  }
  engine.end();
}

/** Errors of zlib and zstd are about the blob, except that there may be no memory. */
function inflateError(error: unknown, compression: Compression): StatusError {
  if (error instanceof StatusError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const isMemory = code === "Z_MEM_ERROR" || code === "ZSTD_error_memory_allocation";
  const doing = `inflating ${compression}`;
  return new StatusError(isMemory ? Code.ResourceExhausted : Code.InvalidArgument, `${doing}: ${message}`, {
    cause: error,
  });
}

/** Frees the memory of a chunk at once: the collector would wait until a hundred megabytes of it have gathered. */
function free(chunk: Buffer): void {
  const { buffer } = chunk;
  const isLast = chunk.byteOffset + chunk.byteLength === buffer.byteLength;
  if (isLast && buffer.byteLength === chunkBytes && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

async function* inflateWith(compression: "gzip" | "zstd", source: BlobSource, first: Buffer): AsyncGenerator<Buffer> {
  const engine = createEngine(compression);
  using frames = new FrameFeeder(engine, source.control);
  const feedChunk = (chunk: Buffer): Promise<void> =>
    compression === "zstd" ? frames.feed(chunk) : feed(engine, chunk);
  // A second stream behind zeros comes when the first one has ended, and nobody reads any more: its data must not be lost silently.
  let late: unknown;
  engine.on("error", (error) => (late = error));
  const feeding = feedAll(engine, source, first, feedChunk);
  // A source that fails must end the reading below; its error is met there.
  feeding.catch((error: unknown) => engine.destroy(error as Error));
  try {
    for await (const chunk of engine as AsyncIterable<Buffer>) {
      yield chunk;
      free(chunk);
    }
  } catch (error) {
    throw inflateError(error, compression);
  } finally {
    engine.destroy();
    source.interrupt();
    await feeding.catch(() => undefined);
    source.resume();
  }
  if (late !== undefined) throw inflateError(late, compression);
  // As gzip(1) has it, zeros may follow: tapes padded with them. Anything else would be hidden from whoever looks at the archive.
  if (!source.isZeroFrom(engine.bytesWritten)) {
    throw new StatusError(Code.InvalidArgument, `inflating ${compression}: something else follows the compressed data`);
  }
}

async function* readPlain(source: BlobSource, first: Buffer): AsyncGenerator<Buffer> {
  for (let chunk: Buffer | undefined = first; chunk !== undefined; chunk = await source.next()) {
    yield chunk;
    await giveTurn();
  }
}

/**
 * The archive of a blob, inflated when its first bytes are those of gzip (with several members too) or zstd (with several frames, skippable
 * ones too), else as it is. Chunks are valid until the next one is asked for. InvalidArgument for an empty blob, for what is
 * damaged or incomplete, for what follows compressed data and is not zero, and for zstd windows above 32 MiB. The source is read no
 * further than needed; it is usable when this has ended.
 */
export async function* readArchive(source: BlobSource): AsyncGenerator<Buffer> {
  const first = await source.next();
  if (first === undefined) throw new StatusError(Code.InvalidArgument, "reading blob: it is empty");
  const compression = detect(first);
  yield* compression === "none" ? readPlain(source, first) : inflateWith(compression, source, first);
}
