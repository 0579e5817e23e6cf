import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { Code, StatusError } from "@crib/errdefs";
import { type Digest, digestOf, formatReference, type ImageReference, parseReference } from "@crib/oci-spec";
import type { BlobOptions, BlobStream, FetchedManifest, FetchOptions, RegistryClient } from "@crib/registry";

import { fakeDiffId } from "./fake-unpacker.ts";

const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/** A document as a registry has it. */
export interface FakeDocument {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: Digest;
}

/** An image that a fake registry can serve. */
export interface FakeImage {
  readonly id: Digest;
  readonly manifest: FakeDocument;
  readonly layers: readonly Buffer[];
  readonly blobs: ReadonlyMap<Digest, Buffer>;
}

function documentOf(mediaType: string, value: unknown): FakeDocument {
  const bytes = Buffer.from(JSON.stringify(value));
  return { mediaType, bytes, digest: digestOf(bytes) };
}

/** An image with these layers. `config` goes over the configuration's fields. */
export function fakeImage(
  layers: readonly (string | Buffer)[],
  config: Readonly<Record<string, unknown>> = {},
): FakeImage {
  const all = layers.map((layer) => Buffer.from(layer));
  return imageOf(
    all.map((blob) => ({ blob, diffId: fakeDiffId(blob) })),
    config,
  );
}

/** An image of layers in archives, which the real unpacker takes. */
export function tarImage(...archives: readonly Buffer[]): FakeImage {
  return imageOf(
    archives.map((archive) => ({ blob: gzipSync(archive), diffId: digestOf(archive) })),
    {},
  );
}

function imageOf(
  layers: readonly { readonly blob: Buffer; readonly diffId: Digest }[],
  config: Readonly<Record<string, unknown>>,
): FakeImage {
  const blobs = layers.map(({ blob }) => blob);
  const configBytes = Buffer.from(
    JSON.stringify({
      os: "linux",
      architecture: "amd64",
      config: { User: "1000", Cmd: ["sh"] },
      rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
      ...config,
    }),
  );
  const id = digestOf(configBytes);
  const manifest = documentOf(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: id, size: configBytes.length },
    layers: blobs.map((blob) => ({ mediaType: mediaTypes.layer, digest: digestOf(blob), size: blob.length })),
  });
  return {
    id,
    manifest,
    layers: blobs,
    blobs: new Map([[id, configBytes], ...blobs.map((blob) => [digestOf(blob), blob] as const)]),
  };
}

/** An index of documents for linux/amd64. */
export function fakeIndex(...documents: readonly FakeDocument[]): FakeDocument {
  return documentOf(mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: documents.map(({ mediaType, digest, bytes }) => ({
      mediaType,
      digest,
      size: bytes.length,
      platform: { os: "linux", architecture: "amd64" },
    })),
  });
}

/** How a blob is served in place of its bytes; may be called again, for each request. */
export type BlobAnswer = (request: {
  readonly bytes: Buffer;
  readonly options: BlobOptions;
  readonly signal: AbortSignal;
}) => { readonly offset?: number; readonly source?: string; readonly chunks: AsyncIterable<Buffer> };

/** A registry in memory, that counts what it is asked for. */
export class FakeRegistry implements RegistryClient {
  readonly requests: string[] = [];
  readonly #tags = new Map<string, FakeDocument>();
  readonly #documents = new Map<Digest, FakeDocument>();
  readonly #blobs = new Map<Digest, Buffer>();
  /** Answers for single blobs. */
  readonly answers: Map<Digest, BlobAnswer> = new Map();
  /** What credentials were found for each request. */
  readonly credentials: unknown[] = [];
  /** Bytes of a chunk. */
  chunkBytes = 4;

  /** Makes a reference lead to an image, through `top` where that is an index. */
  tag(reference: string, image: FakeImage, top: FakeDocument = image.manifest, ...between: FakeDocument[]): void {
    this.#tags.set(formatReference(parseReference(reference)), top);
    for (const document of [top, ...between, image.manifest]) this.#documents.set(document.digest, document);
    for (const [digest, bytes] of image.blobs) this.#blobs.set(digest, bytes);
  }

  async fetchManifest(reference: ImageReference, options: FetchOptions): Promise<FetchedManifest> {
    this.requests.push(`manifest ${formatReference(reference)}`);
    this.credentials.push(await options.credentials?.(reference.registry));
    const found =
      reference.digest === undefined
        ? this.#tags.get(formatReference(reference))
        : this.#documents.get(reference.digest);
    if (!found) throw new StatusError(Code.NotFound, "no such manifest");
    return this.#give(found);
  }

  async fetchManifestByDigest(_: ImageReference, { digest }: { digest: Digest }): Promise<FetchedManifest> {
    this.requests.push(`manifest ${digest}`);
    const found = this.#documents.get(digest);
    if (!found) throw new StatusError(Code.NotFound, "no such manifest");
    return this.#give(found);
  }

  async fetchSmallBlob(_: ImageReference, { digest }: { digest: Digest }): Promise<Buffer> {
    this.requests.push(`small ${digest}`);
    return this.#blob(digest);
  }

  async openBlob(
    _: ImageReference,
    { digest }: { digest: Digest },
    options: BlobOptions,
    signal: AbortSignal,
  ): Promise<BlobStream> {
    const { offset = 0, skipHosts } = options;
    this.requests.push(`blob ${digest} from ${offset}`);
    const bytes = this.#blob(digest);
    const answer = this.answers.get(digest)?.({ bytes, options, signal });
    if (!answer && skipHosts?.has("fake")) throw new StatusError(Code.Unavailable, "no host is left");
    const chunks = answer?.chunks ?? slices(bytes.subarray(offset), this.chunkBytes, signal);
    return {
      source: answer?.source ?? "fake",
      offset: answer?.offset ?? offset,
      [Symbol.asyncIterator]: () => chunks[Symbol.asyncIterator](),
    };
  }

  close(): void {}

  /** How often bytes of a blob were asked for. */
  fetches(blob: Buffer): number {
    return this.requests.filter((request) => request.startsWith(`blob ${digestOf(blob)}`)).length;
  }

  #give({ mediaType, digest, bytes }: FakeDocument): FetchedManifest {
    return { descriptor: { mediaType, digest, size: bytes.length }, bytes, source: "fake" };
  }

  #blob(digest: Digest): Buffer {
    const found = this.#blobs.get(digest);
    if (!found) throw new StatusError(Code.NotFound, `no blob "${digest}"`);
    return found;
  }
}

/** Bytes in chunks, one at each turn of the loop. */
export async function* slices(bytes: Buffer, chunkBytes: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await sleep(0);
    signal.throwIfAborted();
    yield bytes.subarray(at, at + chunkBytes);
  }
}

/** Waits until the signal ends it. */
export function stall(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}
