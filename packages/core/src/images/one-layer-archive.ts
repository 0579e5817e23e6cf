import { type Digest, digestOf, type ImageReference, mediaTypes, platformOf } from "@crib/oci-spec";

import { tarEnd, tarHeader, type TarHeader, tarPadding } from "./archive/tar-header.ts";
import { writeImageArchive } from "./archive/write-image-archive.ts";

/** An entry of the layer, parents before what is in them. */
export interface LayerEntry extends Omit<TarHeader, "size"> {
  readonly content?: Uint8Array;
}

/** An image of one layer, for this machine. */
export interface OneLayerImage {
  readonly entries: readonly LayerEntry[];
  /** `config` of the image's configuration: Entrypoint, Env and so on. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The image's name, given its configuration's digest. */
  readonly nameOf: (config: Digest) => ImageReference;
}

/** An image and its name. */
export interface NamedArchive {
  readonly name: ImageReference;
  /** An OCI archive; equal images give equal bytes. */
  readonly archive: AsyncIterable<Uint8Array>;
}

/** Makes an image of files in memory. */
export function oneLayerArchive({ entries, config, nameOf }: OneLayerImage, signal: AbortSignal): NamedArchive {
  const layer = layerOf(entries);
  const configuration = configOf(layer, config);
  const manifest = manifestOf(layer, configuration);
  const blobs = new Map<Digest, Uint8Array>([layer, configuration, manifest].map((bytes) => [digestOf(bytes), bytes]));
  const name = nameOf(digestOf(configuration));
  const image = {
    references: [name],
    manifest: { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length },
    platform: platformOf(),
    config: { digest: digestOf(configuration), size: configuration.length },
    layers: [{ digest: digestOf(layer), size: layer.length }],
  };
  const openBlob = async function* (digest: Digest): AsyncIterable<Uint8Array> {
    const bytes = blobs.get(digest);
    if (bytes) yield bytes;
  };
  return { name, archive: writeImageArchive([image], openBlob, signal) };
}

function layerOf(entries: readonly LayerEntry[]): Buffer {
  const parts = entries.flatMap(({ content = new Uint8Array(), ...entry }) => [
    tarHeader({ ...entry, size: content.length }),
    content,
    tarPadding(content.length),
  ]);
  return Buffer.concat([...parts, tarEnd()]);
}

function configOf(layer: Uint8Array, config: OneLayerImage["config"]): Buffer {
  const { os, architecture, variant } = platformOf();
  return Buffer.from(
    JSON.stringify({
      os,
      architecture,
      ...(variant === "" ? {} : { variant }),
      config,
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
    }),
  );
}

function manifestOf(layer: Uint8Array, config: Uint8Array): Buffer {
  const descriptor = (mediaType: string, bytes: Uint8Array): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: descriptor(mediaTypes.ociConfig, config),
      layers: [descriptor(mediaTypes.ociLayer, layer)],
    }),
  );
}
