import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { readImageArchive } from "./read-image-archive.ts";
import { MemorySink } from "./testing/memory-sink.ts";
import { amd64, blob, buildTar, file, inPieces, layoutEntries, sampleImage } from "./testing/sample-image.ts";

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const sample = sampleImage("one", { names: ["x:1"] });
const blobs = [...sample.blobs.values()].map((bytes) => blob(bytes));
const docker = [{ Config: "config", RepoTags: ["x:1"], Layers: ["a/layer.tar", "b"] }];
const archives = [
  buildTar(layoutEntries([sample.exported.manifest], blobs)),
  buildTar([
    file("a/layer.tar", sample.layers[0] ?? ""),
    file("c", sample.layers[1] ?? ""),
    { name: "b", type: "symlink", link: "c" },
    file("config", sample.config),
    file("manifest.json", docker),
  ]),
];

const expected: ReadonlySet<number> = new Set([
  Code.InvalidArgument,
  Code.DataLoss,
  Code.NotFound,
  Code.ResourceExhausted,
  Code.Unimplemented,
]);

/** Changes some bytes and mends the checksums of headers, so that the changes are not all met by those. */
function damage(archive: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(archive);
  for (let count = Math.floor(random() * 4); count >= 0; count--) {
    const block = Math.floor((random() * bytes.length) / 512) * 512;
    const at = block + Math.floor(random() * 160);
    bytes[at] = random() < 0.5 ? Math.floor(random() * 256) : 0x30 + Math.floor(random() * 8);
    if (bytes.toString("latin1", block + 257, block + 262) !== "ustar") continue;
    bytes.fill(0x20, block + 148, block + 156);
    const sum = bytes.subarray(block, block + 512).reduce((total, byte) => total + byte, 0);
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, block + 148, "latin1");
  }
  return random() < 0.1 ? bytes.subarray(0, Math.floor(random() * bytes.length)) : bytes;
}

test("damaged archives give images or typed errors, and leave no blob open", async (t) => {
  const random = seededRandom(20_261_121);
  let good = 0;
  for (let round = 0; round < 600; round++) {
    const bytes = damage(archives[round % archives.length] ?? Buffer.alloc(0), random);
    const sink = new MemorySink();
    try {
      const { images } = await readImageArchive(inPieces(bytes), sink, { platform: amd64 }, t.signal);
      ok(images.length > 0);
      good += 1;
    } catch (error) {
      ok(error instanceof StatusError && expected.has(error.code), `round ${round}: ${String(error)}`);
      ok(error.message.length < 1_000);
    }
    equal(sink.open, 0);
  }
  ok(good > 50 && good < 550, `${good} were good`);
});
