import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestAlgorithm, digestOf } from "@crib/oci-spec";

import type { LayerUnpacker } from "../layers/types.ts";
import { algorithms, type BlobPaths, blobPaths, joinDigest } from "./blob-paths.ts";
import { IngestFile } from "./ingest-file.ts";
import { openPartials, type Partials } from "./partials.ts";
import type { BlobInfo, ContentStore, Ingest } from "./types.ts";

/** What a content store is opened with. */
export interface ContentStoreOptions {
  /** The daemon's root; the store is in its folder `content`. */
  readonly rootDir: string;
  /** Hashes a file off the main thread. */
  readonly hashFile: LayerUnpacker["hashFile"];
}

/** Opens the store, making its folders (0700) where they are missing. */
export async function openContentStore(options: ContentStoreOptions): Promise<ContentStore> {
  const paths = blobPaths(options.rootDir);
  try {
    for (const dir of [paths.ingestDir, ...algorithms.map((algorithm) => paths.blobDir(algorithm))]) {
      await mkdir(dir, { recursive: true, mode: 0o700 });
    }
  } catch (reason) {
    throw StatusError.from(reason, `opening the content store in "${options.rootDir}"`);
  }
  return new DirectoryContentStore(paths, options.hashFile);
}

class DirectoryContentStore implements ContentStore {
  readonly unsynced: Set<Digest> = new Set();
  readonly #paths: BlobPaths;
  readonly #hashFile: LayerUnpacker["hashFile"];
  readonly #partials: Partials;
  readonly #writes = new Map<Digest, Promise<void>>();

  constructor(paths: BlobPaths, hashFile: LayerUnpacker["hashFile"]) {
    this.#paths = paths;
    this.#hashFile = hashFile;
    this.#partials = openPartials(paths.ingestDir);
  }

  async find(digest: Digest): Promise<BlobInfo | undefined> {
    const path = this.#paths.blob(digest);
    const found = await unlessMissing(stat(path), `finding blob "${digest}"`);
    return found && { digest, size: found.size, path };
  }

  async read(digest: Digest, limitBytes: number): Promise<Buffer> {
    const doing = `reading blob "${digest}"`;
    let bytes: Buffer;
    try {
      await using file = await open(this.#paths.blob(digest), "r");
      const { size } = await file.stat();
      if (size > limitBytes) {
        throw new StatusError(Code.ResourceExhausted, `it has ${size} bytes, allowed are ${limitBytes}`);
      }
      bytes = await file.readFile();
    } catch (reason) {
      throw StatusError.from(reason, doing);
    }
    if (digestOf(bytes, digestAlgorithm(digest)) !== digest) {
      throw new StatusError(Code.DataLoss, `${doing}: it is damaged`);
    }
    return bytes;
  }

  write(digest: Digest, bytes: Uint8Array): Promise<void> {
    const running = this.#writes.get(digest);
    if (running) return running;
    const work = this.#writeBlob(digest, bytes).finally(() => this.#writes.delete(digest));
    this.#writes.set(digest, work);
    return work;
  }

  async openIngest(digest: Digest, size: number): Promise<Ingest> {
    const path = this.#paths.ingest(digest);
    const release = this.#partials.hold(path);
    try {
      await this.#partials.dropped(path);
      return await IngestFile.open({
        digest,
        size,
        path,
        blobPath: this.#paths.blob(digest),
        hash: async () => (await this.#hashFile(path, digestAlgorithm(digest), new AbortController().signal)).digest,
        committed: () => this.unsynced.add(digest),
        released: release,
      });
    } catch (reason) {
      release();
      throw StatusError.from(reason, `opening blob "${digest}" for writing`);
    }
  }

  async verify(digest: Digest, signal: AbortSignal): Promise<boolean> {
    const hashed = await this.#hashFile(this.#paths.blob(digest), digestAlgorithm(digest), signal);
    return hashed.digest === digest;
  }

  async delete(digest: Digest): Promise<void> {
    await unlessMissing(rm(this.#paths.blob(digest)), `deleting blob "${digest}"`);
    this.unsynced.delete(digest);
  }

  async list(): Promise<readonly BlobInfo[]> {
    const blobs: BlobInfo[] = [];
    for (const algorithm of algorithms) {
      for (const name of await readdir(this.#paths.blobDir(algorithm))) {
        const digest = joinDigest(algorithm, name);
        const blob = digest && (await this.find(digest));
        if (blob) blobs.push(blob);
      }
    }
    return blobs;
  }

  listPartials(): ReturnType<ContentStore["listPartials"]> {
    return this.#partials.list();
  }

  dropPartials(olderThanMs: number, digests?: ReadonlySet<Digest>): Promise<number> {
    return this.#partials.drop(olderThanMs, digests);
  }

  /** Under a name that no ingest has, since the same bytes may be coming in there too. */
  async #writeBlob(digest: Digest, bytes: Uint8Array): Promise<void> {
    const target = this.#paths.blob(digest);
    const draft = join(this.#paths.ingestDir, `${digest.replace(":", "-")}.new`);
    const release = this.#partials.hold(draft);
    try {
      await this.#partials.dropped(draft);
      await writeFile(draft, bytes, { mode: 0o600 });
      await rename(draft, target);
      this.unsynced.add(digest);
    } catch (reason) {
      await rm(draft, { force: true });
      throw StatusError.from(reason, `writing blob "${digest}"`);
    } finally {
      release();
    }
  }
}

async function unlessMissing<T>(work: Promise<T>, doing: string): Promise<T | undefined> {
  try {
    return await work;
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw StatusError.from(reason, doing);
  }
}
