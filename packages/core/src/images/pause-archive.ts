import { type Digest, digestOf, type ImageReference, mediaTypes, parseReference, platformOf } from "@crib/oci-spec";

import { tarEnd, tarHeader, tarPadding } from "./archive/tar-header.ts";
import { writeImageArchive } from "./archive/write-image-archive.ts";

/** Where the pause program is in its image. */
const pausePath = "/pause";

/** Mount points of the pause container: its root is read-only when the runtime looks for them. */
const directories = ["dev/", "proc/", "sys/", "etc/"];

/** The image of a pause program, named by what it is. */
export interface PauseArchive {
  readonly name: ImageReference;
  /** An OCI archive; equal programs and arguments give equal bytes. */
  readonly archive: AsyncIterable<Uint8Array>;
}

/** Makes an image of a static program, whose one layer holds it and nothing else. */
export function pauseArchive(program: Uint8Array, args: readonly string[], signal: AbortSignal): PauseArchive {
  const layer = layerOf(program);
  const config = configOf(layer, args);
  const manifest = manifestOf(layer, config);
  const blobs = new Map<Digest, Uint8Array>([layer, config, manifest].map((bytes) => [digestOf(bytes), bytes]));
  // Its own digest is no part of a tag's grammar; half of it tells programs apart as well.
  const tag = digestOf(config).slice("sha256:".length, "sha256:".length + 32);
  const name = parseReference(`localhost/crib/pause:${tag}`);
  const image = {
    references: [name],
    manifest: { mediaType: mediaTypes.ociManifest, digest: digestOf(manifest), size: manifest.length },
    platform: platformOf(),
    config: { digest: digestOf(config), size: config.length },
    layers: [{ digest: digestOf(layer), size: layer.length }],
  };
  const openBlob = async function* (digest: Digest): AsyncIterable<Uint8Array> {
    const bytes = blobs.get(digest);
    if (bytes) yield bytes;
  };
  return { name, archive: writeImageArchive([image], openBlob, signal) };
}

function layerOf(program: Uint8Array): Buffer {
  return Buffer.concat([
    ...directories.map((name) => tarHeader({ name, type: "directory" })),
    tarHeader({ name: "etc/resolv.conf", type: "file" }),
    tarHeader({ name: pausePath.slice(1), type: "file", size: program.length, mode: 0o755 }),
    program,
    tarPadding(program.length),
    tarEnd(),
  ]);
}

function configOf(layer: Uint8Array, args: readonly string[]): Buffer {
  const { os, architecture, variant } = platformOf();
  return Buffer.from(
    JSON.stringify({
      os,
      architecture,
      ...(variant === "" ? {} : { variant }),
      config: { Entrypoint: [pausePath, ...args], Env: ["PATH=/"], User: "65535:65535", WorkingDir: "/" },
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
