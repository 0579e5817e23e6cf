import type { TestContext } from "node:test";

import { FaultyRegistry, type FaultyRegistryOptions } from "@crib/registry/testing";

import { endAfter } from "../end-after.ts";
import type { TestImage } from "./image.ts";

/** Starts a scripted registry for a test; it ends with the test. */
export async function startFaultyRegistry(t: TestContext, options?: FaultyRegistryOptions): Promise<FaultyRegistry> {
  const registry = await FaultyRegistry.start(options);
  endAfter(t, () => registry[Symbol.asyncDispose]());
  return registry;
}

/** Has a scripted registry serve an image under tags and by its digest; gives its name by the first tag, or by digest without one. */
export function serveImage(
  registry: FaultyRegistry,
  repository: string,
  tags: readonly string[],
  image: TestImage,
): string {
  for (const blob of image.blobs.values()) registry.addBlob(blob);
  for (const { bytes, mediaType } of image.manifests) registry.addManifest(repository, [], bytes, mediaType);
  const { bytes, mediaType, digest } = image.top;
  registry.addManifest(repository, tags, bytes, mediaType);
  const [tag] = tags;
  return `${registry.host}/${repository}${tag === undefined ? `@${digest}` : `:${tag}`}`;
}
