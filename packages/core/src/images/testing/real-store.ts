import { createCipheriv } from "node:crypto";
import { join } from "node:path";

import { parseReference } from "@crib/oci-spec";

import { openContentStore } from "../../content/index.ts";
import type { ContentStore } from "../../content/types.ts";
import { parseFaults } from "../../flow/faults.ts";
import { createRetries } from "../../flow/retries.ts";
import { createLayerUnpacker } from "../../layers/index.ts";
import { tarEntry } from "../../layers/testing/make-tar.ts";
import { type Database, openDatabase } from "../../metadata/database.ts";
import { createSnapshots } from "../../snapshots/index.ts";
import type { Snapshots } from "../../snapshots/types.ts";
import { createImages } from "../create-images.ts";
import type { ImageService } from "../image-service.ts";
import type { Image } from "../types.ts";
import { type FakeImage, FakeRegistry, tarImage } from "./fake-registry.ts";

const tarEnd = Buffer.alloc(1_024);

/** Layers that stand on each other: a directory without an entry of its own, and a whiteout. */
export function sampleImage(): FakeImage {
  const etc = tarEntry({ path: "etc/", flag: "5", mode: 0o750 });
  const passwd = tarEntry({ path: "etc/passwd" }, "root:x:0:0::/:/bin/sh\n");
  // Random, so that it stays large when it is compressed; the same each time.
  const bulk = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(100_000));
  return tarImage(
    Buffer.concat([etc, passwd, tarEntry({ path: "bulk" }, bulk), tarEnd]),
    Buffer.concat([tarEntry({ path: "etc/group" }, "root:x:0:\n"), tarEntry({ path: ".wh.bulk" }), tarEnd]),
    Buffer.concat([tarEntry({ path: "top" }, "top"), tarEnd]),
  );
}

/** Images with nothing faked but the registry, which has the sample image as `busybox`. */
export interface RealStore extends AsyncDisposable {
  readonly images: ImageService;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly database: Database;
  readonly registry: FakeRegistry;
  readonly warnings: readonly string[];
  pull(): Promise<Image>;
}

/** Opens the images of a root directory without recovering them. `faults` as in the daemon's environment. */
export async function openRealStore(rootDir: string, faults?: string): Promise<RealStore> {
  await using parts = new AsyncDisposableStack();
  const warnings: string[] = [];
  const log = { info: (): void => {}, warn: (_: unknown, message: string): void => void warnings.push(message) };
  const database = parts.use(await openDatabase(join(rootDir, "metadata.db")));
  const unpacker = parts.use(createLayerUnpacker());
  const content = await openContentStore({
    rootDir,
    hashFile: (path, algorithm, signal) => unpacker.hashFile(path, algorithm, signal),
  });
  const snapshots = createSnapshots({ database, rootDir, unpacker, log });
  const registry = new FakeRegistry();
  registry.chunkBytes = 16_384;
  registry.tag("busybox", sampleImage());
  const images = await createImages({
    rootDir,
    database,
    content,
    snapshots,
    unpacker,
    registry,
    handlers: new Set(),
    platform: { os: "linux", architecture: "amd64", variant: "" },
    bootId: "boot",
    faults: parseFaults(faults),
    budgets: { do: {}, undo: {} },
    retries: createRetries(10, 100),
    log,
  });
  parts.defer(() => images.close());
  const owned = parts.move();
  return {
    images,
    content,
    snapshots,
    database,
    registry,
    warnings,
    pull: () => images.pull({ reference: parseReference("busybox"), runtimeHandler: "" }, new AbortController().signal),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
