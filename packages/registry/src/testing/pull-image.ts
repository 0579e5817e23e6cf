import { type ImageReference, parseManifest } from "@crib/oci-spec";

import type { BlobStream, FetchOptions, RegistryClient } from "../types.ts";

/** The bytes of a blob stream, copied. */
export async function collect(stream: BlobStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Fetches manifest, configuration and layers one after another, as an image service does; gives the layers' bytes. */
export async function pullImage(
  client: RegistryClient,
  reference: ImageReference,
  options: FetchOptions,
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  const fetched = await client.fetchManifest(reference, options, signal);
  const manifest = parseManifest(fetched.bytes, fetched.descriptor.mediaType);
  if (manifest.kind === "index") throw new Error("expected a manifest, an index was served");
  await client.fetchSmallBlob(reference, manifest.config, 8 << 20, options, signal);
  const layers: Buffer[] = [];
  for (const layer of manifest.layers)
    layers.push(await collect(await client.openBlob(reference, layer, options, signal)));
  return layers;
}
