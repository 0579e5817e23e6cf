import { gzipSync } from "node:zlib";

import {
  type Digest,
  digestAlgorithm,
  digestHex,
  digestOf,
  mediaTypes,
  parseReference,
  type PlatformName,
} from "@crib/oci-spec";

import { type TarHeader, tarEnd, tarHeader, tarPadding } from "../tar-header.ts";
import type { ExportedImage } from "../types.ts";

/** A file or link of an archive to build. */
export type SampleEntry = Omit<TarHeader, "size"> & { readonly bytes?: Buffer };

export const amd64: PlatformName = { os: "linux", architecture: "amd64", variant: "" };

/** A tar archive of the entries. */
export function buildTar(entries: readonly SampleEntry[]): Buffer {
  const parts = entries.flatMap(({ bytes = Buffer.alloc(0), ...entry }) => [
    tarHeader({ ...entry, size: bytes.length }),
    bytes,
    tarPadding(bytes.length),
  ]);
  return Buffer.concat([...parts, tarEnd()]);
}

export function file(name: string, content: Buffer | string | object): SampleEntry {
  const isBytes = typeof content === "string" || Buffer.isBuffer(content);
  return { name, type: "file", bytes: Buffer.from(isBytes ? content : JSON.stringify(content)) };
}

/** A file of an OCI layout, under its digest. */
export function blob(content: Buffer | object): SampleEntry {
  const { bytes = Buffer.alloc(0) } = file("", content);
  return file(blobName(digestOf(bytes)), bytes);
}

export function blobName(digest: Digest): string {
  return `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`;
}

/** A descriptor of what `blob` makes of the same content. */
export function describe(
  mediaType: string,
  content: Buffer | object,
): { mediaType: string; digest: Digest; size: number } {
  const { bytes = Buffer.alloc(0) } = file("", content);
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** An image in parts: `layers` as they are in archives, `diffs` uncompressed. */
export interface SampleImage {
  readonly diffs: readonly Buffer[];
  readonly layers: readonly Buffer[];
  readonly config: Buffer;
  readonly manifest: Buffer;
  readonly blobs: ReadonlyMap<Digest, Buffer>;
  readonly exported: ExportedImage;
}

/** An image of two layers, told apart by `seed`; the second is compressed when `gzip` says so. */
export function sampleImage(
  seed: string,
  options: { readonly gzip?: boolean; readonly platform?: PlatformName; readonly names?: readonly string[] } = {},
): SampleImage {
  const { platform = amd64, names = [] } = options;
  const diffs = ["lower", "upper"].map((name) => buildTar([file(name, `${name} of ${seed}`)]));
  const layers = diffs.map((diff, index) => (options.gzip === true && index === 1 ? gzipSync(diff) : diff));
  const { os, architecture, variant } = platform;
  const config = Buffer.from(
    JSON.stringify({
      os,
      architecture,
      ...(variant !== "" && { variant }),
      config: { Cmd: [seed] },
      rootfs: { type: "layers", diff_ids: diffs.map((diff) => digestOf(diff)) },
    }),
  );
  const types = [mediaTypes.ociLayer, options.gzip === true ? mediaTypes.ociLayerGzip : mediaTypes.ociLayer];
  const described = layers.map((layer, index) => describe(types[index] ?? "", layer));
  const configDescriptor = describe(mediaTypes.ociConfig, config);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: configDescriptor,
      layers: described,
    }),
  );
  return {
    diffs,
    layers,
    config,
    manifest,
    blobs: new Map([manifest, config, ...layers].map((bytes) => [digestOf(bytes), bytes])),
    exported: {
      references: names.map(parseReference),
      manifest: describe(mediaTypes.ociManifest, manifest),
      platform,
      config: configDescriptor,
      layers: described,
    },
  };
}

/** The entries of an OCI layout with these index entries and blobs. */
export function layoutEntries(manifests: readonly object[], blobs: readonly SampleEntry[]): readonly SampleEntry[] {
  return [
    ...blobs,
    file("index.json", { schemaVersion: 2, manifests }),
    file("oci-layout", { imageLayoutVersion: "1.0.0" }),
  ];
}

/** Bytes as a source that gives them in pieces. */
export async function* inPieces(bytes: Buffer, pieceBytes = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
