/**
 * Measures image pulls of crib beside containerd's, in turn, from one local registry, in one run.
 *
 *   node benchmarks/images/run.ts [--samples 5] [--images small,ten,big,many] [--only crib|containerd] [--containerd-syncs]
 *
 * Prints Markdown tables; figures of different runs are not comparable, their ratios are. Needs root, Debian's docker-registry,
 * 6 GB of disk, and `scripts/fetch-shims` for containerd. The images are made first, in half a minute. What the registry serves
 * is in the page cache for both; nothing else is cached or dropped. Both run with their defaults: crib syncs an image's files to the
 * disk before the pull is answered, containerd does so only with --containerd-syncs.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { makeDisk } from "../support/own-disk.ts";
import { recordLoopDelay } from "../support/record-loop-delay.ts";
import { makeScratch } from "../support/scratch.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { findContainerd, startContainerd } from "../support/start-containerd.ts";
import { startCrib } from "../support/start-crib.ts";
import { makeImages } from "./make-images.ts";
import { contest, measurePulls, type PullFigures, type PushedImage } from "./measure-pulls.ts";
import { measureResponsiveness, type Responsiveness } from "./measure-responsiveness.ts";
import { pushImage } from "./push-image.ts";
import { imageRecipes } from "./recipes.ts";
import { figureTable, ratioTable, responsivenessTable } from "./report.ts";
import { startRegistry } from "./start-registry.ts";

/** Bytes of the disk that the runtimes share; sparse. */
const diskBytes = 16 * 2 ** 30;

const { values } = parseArgs({
  options: {
    samples: { type: "string", default: "5" },
    images: { type: "string", default: imageRecipes.map(({ name }) => name).join(",") },
    only: { type: "string" },
    "containerd-syncs": { type: "boolean", default: false },
  },
});

const wanted = new Set(values.images.split(","));
const recipes = imageRecipes.filter(({ name }) => wanted.has(name));
const found = findContainerd();
if (!found) console.log("containerd is not there (scripts/fetch-shims); crib is measured alone\n");

await using scratch = makeScratch("10.234.0.0/16");
await using registry = await startRegistry(scratch.dir);
const layers = join(scratch.dir, "layers");
mkdirSync(layers);
const images: PushedImage[] = [];
for (const image of await makeImages(recipes, layers)) {
  const { name, repeats = 1 } = image.recipe;
  images.push({ name, reference: await pushImage(registry.host, image), repeats });
  const mebibytes = image.layers.reduce((sum, { size }) => sum + size, 0) / 2 ** 20;
  console.log(`${name}: ${image.recipe.shape}; ${mebibytes.toFixed(1)} MiB compressed`);
}
rmSync(layers, { recursive: true });

await using disk = await makeDisk(scratch.dir, diskBytes);
const onDisk = { ...scratch, dir: disk.dir };
const recorder = recordLoopDelay(join(scratch.state, "loop-delay.json"));
await using running = new AsyncDisposableStack();
const servers: ServerProcess[] = [];
if (found && values.only !== "crib")
  servers.push(running.use(await startContainerd(onDisk, found, { syncsImages: values["containerd-syncs"] })));
if (values.only !== "containerd")
  servers.push(running.use(await startCrib(onDisk, found?.shim ?? "", { env: recorder.env })));

const contestants = await Promise.all(servers.map(contest));
const pulls: PullFigures[] = [];
const responses: Responsiveness[] = [];
for (const image of images) {
  const options = { samples: Number(values.samples), usedBytes: () => disk.usedBytes() };
  pulls.push(...(await measurePulls(contestants, image, options)));
  for (const server of servers) {
    responses.push(await measureResponsiveness(server, image, server.name === "crib" ? recorder : undefined));
  }
}
console.log(`\ncrib over containerd:\n\n${ratioTable(pulls)}\n`);
console.log(`On this machine only:\n\n${figureTable(pulls)}\n`);
console.log(`While another client asks for the version every 5 ms:\n\n${responsivenessTable(responses)}`);
