import { createHash } from "node:crypto";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import type { LayerJob, MadeLayer } from "./layer-worker.ts";
import type { ImageRecipe } from "./recipes.ts";

/** A small blob in memory. */
export interface Document {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

/** An image that was made, ready to be pushed. */
export interface MadeImage {
  readonly recipe: ImageRecipe;
  readonly layers: readonly MadeLayer[];
  readonly config: Document;
  readonly manifest: Document;
}

const layerWorker = new URL("./layer-worker.ts", import.meta.url);

/** Makes images, their layers as files in `dir`; a thread for each processor. The same recipes give the same bytes. */
export async function makeImages(recipes: readonly ImageRecipe[], dir: string): Promise<readonly MadeImage[]> {
  const jobs = recipes.flatMap(({ name, layers }) =>
    layers.map((recipe, index): LayerJob => ({ recipe, file: join(dir, `${name}-${index}.tar.gz`) })),
  );
  // The longest first, so that the threads end together.
  const queue = jobs.toSorted((a, b) => b.recipe.bytes - a.recipe.bytes);
  const made = new Map<string, MadeLayer>();
  const work = async (): Promise<void> => {
    for (let job = queue.shift(); job; job = queue.shift()) made.set(job.file, await makeLayer(job));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return recipes.map((recipe) => {
    const layers = recipe.layers.map((_, index) => made.get(join(dir, `${recipe.name}-${index}.tar.gz`)) as MadeLayer);
    return describeImage(recipe, layers);
  });
}

async function makeLayer(job: LayerJob): Promise<MadeLayer> {
  const worker = new Worker(layerWorker, { workerData: job });
  const [made] = (await once(worker, "message")) as [MadeLayer];
  return made;
}

function describeImage(recipe: ImageRecipe, layers: readonly MadeLayer[]): MadeImage {
  const config = document("application/vnd.oci.image.config.v1+json", {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/true"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const manifest = document("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: config.mediaType, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ digest, size }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size,
    })),
  });
  return { recipe, layers, config, manifest };
}

function document(mediaType: string, content: unknown): Document {
  const bytes = Buffer.from(JSON.stringify(content));
  return { mediaType, bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}
