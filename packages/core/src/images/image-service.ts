import { Code, StatusError } from "@crib/errdefs";
import {
  type Digest,
  formatReference,
  type ImageConfig,
  type ImageReference,
  parseImageConfig,
  tagReference,
} from "@crib/oci-spec";

import { transaction } from "../metadata/transaction.ts";
import type { DiskUsage, Snapshot } from "../snapshots/types.ts";
import { exportImages } from "./exchange/export-images.ts";
import { importImages, type ImportOptions } from "./exchange/import-archive.ts";
import type { CollectOptions } from "./garbage/collector.ts";
import type { ImageParts } from "./image-parts.ts";
import { describeImage } from "./records/describe-image.ts";
import { findImage, viewImage } from "./records/find-image.ts";
import { registrySource } from "./sources/registry-source.ts";
import type { BlobVerdict, Collected, Image, ImageAdmin, ImageRecord, Images, PullRequest } from "./types.ts";
import { measureImages } from "./usage/measure-images.ts";
import { verifyContent } from "./verify/verify-content.ts";

/** The images of a daemon, and how they come back when it starts. */
export class ImageService implements Images, ImageAdmin {
  readonly #parts: ImageParts;
  #closed = false;

  constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  async pull(request: PullRequest, signal: AbortSignal): Promise<Image> {
    const { reference, runtimeHandler: handler, credentials, onEvent } = request;
    const name = formatReference(reference);
    const doing = `pulling image "${name}"`;
    try {
      this.#refuseHandler(handler);
      const { registry, findCredentials, pulls, platform, pinned } = this.#parts;
      const source = registrySource(registry, reference, credentials, findCredentials);
      const tag = tagReference(reference);
      const plan = {
        reference: name,
        repositories: [repositoryOf(reference)],
        tags: tag === undefined ? [] : [tag],
        handler,
        platform,
        pinned: pinned.has(name),
      };
      this.#refuseClosed();
      return await pulls.run({ reference: name, handler, credentials }, plan, source, onEvent, signal);
    } catch (reason) {
      throw StatusError.from(reason, doing);
    }
  }

  find(name: string): Image | undefined {
    const record = findImage(this.#parts.images, name);
    return record && viewImage(this.#parts.images, record);
  }

  list(): readonly Image[] {
    const { images } = this.#parts;
    return images
      .list()
      .filter(({ state }) => state === "ready")
      .map((record) => viewImage(images, record));
  }

  async config(id: Digest): Promise<ImageConfig> {
    const { content, limits } = this.#parts;
    const bytes = await content.read(this.#get(id).id, limits.configBytes);
    return parseImageConfig(bytes, { bytes: limits.configBytes, layers: limits.layers });
  }

  async describe(id: Digest): Promise<Readonly<Record<string, unknown>>> {
    const { content, limits } = this.#parts;
    return await describeImage(content, limits, this.#get(id));
  }

  async remove(name: string): Promise<void> {
    const image = findImage(this.#parts.images, name);
    if (image) await this.#parts.removals.remove(image.id);
  }

  prepareSnapshot(
    name: string,
    request: Parameters<Images["prepareSnapshot"]>[1],
  ): { readonly image: Image; readonly snapshot: Snapshot } {
    const { database, snapshots } = this.#parts;
    return transaction(database, () => {
      const image = this.find(name);
      if (!image) throw new StatusError(Code.NotFound, `image "${name}": not found`);
      const parent = image.layers.at(-1)?.chainId;
      if (parent === undefined) throw new StatusError(Code.FailedPrecondition, `image "${name}": it has no layers`);
      return { image, snapshot: snapshots.prepare({ ...request, parent }) };
    });
  }

  async usage(signal: AbortSignal): Promise<DiskUsage> {
    return await measureImages(this.#parts, signal);
  }

  /**
   * Takes what an earlier daemon left: half-made pulls are undone, half-removed images removed, the rest collected in the background.
   * Pulls wait for the first part by themselves; the rest of the calls may come before it.
   */
  async recover(): Promise<void> {
    await this.#parts.recovery.run();
  }

  async importArchive(
    archive: AsyncIterable<Uint8Array>,
    options: ImportOptions,
    signal: AbortSignal,
  ): Promise<readonly Image[]> {
    this.#refuseClosed();
    return await importImages(this.#parts, archive, options, signal);
  }

  exportArchive(names: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array> {
    return exportImages(this.#parts, names, signal);
  }

  /** With `repair` damaged blobs are removed, so that the next pull of their images fetches them again. */
  verify(signal: AbortSignal, options: { readonly repair?: boolean } = {}): AsyncIterable<BlobVerdict> {
    return verifyContent(this.#parts, options.repair ?? false, signal);
  }

  async collectGarbage(signal: AbortSignal, options: CollectOptions = {}): Promise<Collected> {
    return await this.#parts.collector.collect(options, signal);
  }

  /** Has a collection run in the background, as after the removal of a container. */
  collectSoon(): void {
    this.#parts.collector.request();
  }

  /** Aborts and undoes pulls, waits for removals, begins nothing new. */
  async close(): Promise<void> {
    this.#closed = true;
    const { pulls, removals, collector, recovery } = this.#parts;
    await Promise.allSettled([recovery.close(), pulls.close(), removals.close()]);
    await collector.close();
    this.#parts.retries.stop();
  }

  #get(id: Digest): ImageRecord {
    const image = this.#parts.images.find(id);
    if (image?.state === "ready") return image;
    throw new StatusError(Code.NotFound, `image "${id}": not found`);
  }

  #refuseHandler(handler: string): void {
    if (handler === "" || this.#parts.handlers.has(handler)) return;
    throw new StatusError(Code.InvalidArgument, `runtime handler "${handler.slice(0, 80)}": it is not configured`);
  }

  #refuseClosed(): void {
    if (this.#closed) throw new StatusError(Code.Unavailable, "crib is shutting down");
  }
}

function repositoryOf({ registry, repository }: ImageReference): string {
  return `${registry}/${repository}`;
}
