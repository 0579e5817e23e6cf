import type { BlobVerdict, Collected, Image, ImageAdmin } from "@crib/core/images";
import { imageRecord, MemoryImages } from "@crib/cri/testing";
import { Code, StatusError } from "@crib/errdefs";
import { digestOf, formatReference, type ImageReference } from "@crib/oci-spec";

/** Images in memory with what the admin service needs besides. An archive is any bytes; they are the image. */
export class MemoryImageAdmin extends MemoryImages implements ImageAdmin {
  readonly archives = new Map<string, Buffer>();
  verdicts: readonly BlobVerdict[] = [];
  /** Waited for before each chunk of an archive that comes in; a test replaces it to be slow or to fail. */
  beforeChunk: (bytes: number, signal: AbortSignal) => Promise<void> = async () => {};
  /** Bytes of archives that were asked for so far. */
  exported = 0;

  async importArchive(
    archive: AsyncIterable<Uint8Array>,
    { name }: { readonly name?: ImageReference },
    signal: AbortSignal,
  ): Promise<readonly Image[]> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of archive) {
      await this.beforeChunk(chunk.length, signal);
      chunks.push(chunk);
    }
    const bytes = Buffer.concat(chunks);
    const repoTags = [name ? formatReference(name) : "docker.io/library/archive:latest"];
    const image = imageRecord({ id: digestOf(bytes), repoTags, size: bytes.length });
    this.images.set(image.id, image);
    this.archives.set(image.id, bytes);
    return [image];
  }

  async *exportArchive(names: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const name of names) {
      if (!this.find(name)) throw new StatusError(Code.NotFound, `exporting image "${name}": not found`);
    }
    for (const name of names) {
      const bytes = this.archives.get(this.find(name)?.id ?? "") ?? Buffer.alloc(0);
      for (let at = 0; at < bytes.length; at += 100_000) {
        signal.throwIfAborted();
        this.exported += 100_000;
        yield bytes.subarray(at, at + 100_000);
      }
    }
  }

  async *verify(): AsyncGenerator<BlobVerdict> {
    yield* this.verdicts;
  }

  async collectGarbage(
    _signal: AbortSignal,
    { abandonedToo = false }: { readonly abandonedToo?: boolean } = {},
  ): Promise<Collected> {
    return { blobs: 1, bytes: 2 ** 40, snapshots: 3, partials: abandonedToo ? 5 : 4 };
  }
}
