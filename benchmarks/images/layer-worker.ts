/** Makes one layer in a thread of its own: writes the compressed archive, and tells its digests. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parentPort, workerData } from "node:worker_threads";
import { createGzip } from "node:zlib";

import { layerArchive } from "./layer-archive.ts";
import type { LayerRecipe } from "./recipes.ts";

/** What the worker is asked for. */
export interface LayerJob {
  readonly recipe: LayerRecipe;
  readonly file: string;
}

/** A layer that was written. */
export interface MadeLayer {
  readonly file: string;
  readonly digest: string;
  readonly size: number;
  readonly diffId: string;
  readonly archiveBytes: number;
}

/** Digest and size of what has passed. */
class Meter {
  readonly #hash = createHash("sha256");
  size = 0;

  async *pass(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      this.#hash.update(chunk);
      this.size += chunk.length;
      yield chunk;
    }
  }

  digest(): string {
    return `sha256:${this.#hash.digest("hex")}`;
  }
}

const { recipe, file } = workerData as LayerJob;
const archive = new Meter();
const blob = new Meter();
await pipeline(
  Readable.from(layerArchive(recipe)),
  (source: Readable) => archive.pass(source),
  createGzip({ level: 6, chunkSize: 256 * 1024 }),
  (source: AsyncIterable<Buffer>) => blob.pass(source),
  createWriteStream(file),
);
const made: MadeLayer = {
  file,
  digest: blob.digest(),
  size: blob.size,
  diffId: archive.digest(),
  archiveBytes: archive.size,
};
parentPort?.postMessage(made);
