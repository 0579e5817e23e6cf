import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { Digest } from "@crib/oci-spec";

import type { ContentStore, Ingest } from "../../content/types.ts";
import type { ArchiveBlob, ArchiveSink } from "./types.ts";

const pollMs = 100;
const copyBytes = 512 << 10;

/**
 * Puts the blobs of an archive into a content store. Those whose digest is not known before they are hashed (large layers of
 * a docker-archive) lie in `spoolDir` until then: an existing folder for this alone, which its owner empties when the daemon
 * starts. A blob that a pull is writing at the same time is waited for, until `signal`.
 */
export function contentSink(store: ContentStore, spoolDir: string, signal: AbortSignal): ArchiveSink {
  return {
    openBlob: async (size, digest) => {
      if (digest === undefined) return SpooledBlob.open(store, spoolDir, size, signal);
      const ingest = await openIngest(store, digest, size, signal);
      return ingest && new IngestedBlob(ingest);
    },
    readBlob: (digest, limitBytes) => store.read(digest, limitBytes),
  };
}

/** Undefined: the store has the blob. Whatever an earlier try left is dropped, as all bytes are at hand. */
async function openIngest(
  store: ContentStore,
  digest: Digest,
  size: number,
  signal: AbortSignal,
): Promise<Ingest | undefined> {
  for (;;) {
    const found = await store.find(digest);
    if (found?.size === size) return undefined;
    try {
      const ingest = await store.openIngest(digest, size);
      if (ingest.written > 0) await ingest.restart();
      return ingest;
    } catch (error) {
      if (!hasCode(error, Code.AlreadyExists)) throw error;
    }
    await setTimeout(pollMs, undefined, { signal });
  }
}

class IngestedBlob implements ArchiveBlob {
  readonly #ingest: Ingest;

  constructor(ingest: Ingest) {
    this.#ingest = ingest;
  }

  append(chunk: Uint8Array): Promise<void> {
    return this.#ingest.append(chunk);
  }

  commit(): Promise<void> {
    return this.#ingest.commit(true);
  }

  async discard(): Promise<void> {
    try {
      // The bytes are not those of the digest: nobody may go on with them.
      await this.#ingest.restart();
    } finally {
      await this.#ingest.close();
    }
  }
}

class SpooledBlob implements ArchiveBlob {
  readonly #store: ContentStore;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #size: number;
  readonly #signal: AbortSignal;

  private constructor(store: ContentStore, path: string, file: FileHandle, size: number, signal: AbortSignal) {
    this.#store = store;
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#signal = signal;
  }

  static async open(store: ContentStore, dir: string, size: number, signal: AbortSignal): Promise<SpooledBlob> {
    const path = join(dir, `import-${randomUUID()}`);
    try {
      return new SpooledBlob(store, path, await open(path, "wx+", 0o600), size, signal);
    } catch (error) {
      throw StatusError.from(error, "spooling a layer of an image archive");
    }
  }

  async append(chunk: Uint8Array): Promise<void> {
    try {
      let done = 0;
      while (done < chunk.byteLength) done += (await this.#file.write(chunk, done)).bytesWritten;
    } catch (error) {
      throw StatusError.from(error, "spooling a layer of an image archive");
    }
  }

  async commit(digest: Digest): Promise<void> {
    try {
      const ingest = await openIngest(this.#store, digest, this.#size, this.#signal);
      if (ingest !== undefined) await this.#copy(new IngestedBlob(ingest));
    } finally {
      await this.discard();
    }
  }

  async discard(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }

  async #copy(blob: IngestedBlob): Promise<void> {
    const buffer = Buffer.allocUnsafe(copyBytes);
    try {
      for (let at = 0; at < this.#size;) {
        const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new StatusError(Code.DataLoss, `spooled layer "${this.#path}" is too short`);
        await blob.append(buffer.subarray(0, bytesRead));
        at += bytesRead;
      }
    } catch (error) {
      await blob.discard();
      throw error;
    }
    await blob.commit();
  }
}
