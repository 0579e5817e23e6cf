import { arch } from "node:process";

import { sha256, type TestLayer } from "./layer.ts";

/** Whose media types a manifest has: those of the OCI or of Docker's schema 2. */
export type Format = "oci" | "docker";

/** A manifest or an index, or anything said to be one. */
export interface TestManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: string;
}

/** An image or an index with all that it leads to. */
export interface TestImage {
  /** What its tag names. */
  readonly top: TestManifest;
  /** The manifests below `top`, in an order in which a registry takes them; without `top`. */
  readonly manifests: readonly TestManifest[];
  /** Configurations and layers by digest. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Digest of the configuration, which is the image's id; of an index the one of its first image. */
  readonly id: string;
}

type Json = Readonly<Record<string, unknown>>;

/** What an image under test is made of. */
export interface ImageOptions {
  readonly format?: Format;
  /** As Node names it. Default: this machine's. */
  readonly architecture?: string;
  readonly variant?: string;
  /** Fields of the configuration's `config`, over a PATH and the command `sh`. */
  readonly config?: Json;
  /** Changes the finished configuration; a buffer stands for it as it is. */
  readonly changeConfig?: (config: Json) => Json | Buffer;
  /** Changes the finished manifest; a buffer stands for it as it is. */
  readonly changeManifest?: (manifest: Json) => Json | Buffer;
}

const created = "2023-11-14T22:13:20Z";
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Media types of the two formats. */
export const mediaTypes = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: {
      gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
      zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
      none: "application/vnd.oci.image.layer.v1.tar",
    },
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layer: {
      gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
      // Docker has no name for it; tools that write it use this one.
      zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
      none: "application/vnd.docker.image.rootfs.diff.tar",
    },
  },
} as const;

/** The name that images have for an architecture of Node's. */
export function imageArchitecture(name: string = arch): string {
  return name === "x64" ? "amd64" : name;
}

/** An image of these layers, the lowest first. Always the same bytes for the same layers and options. */
export function testImage(layers: readonly TestLayer[], options: ImageOptions = {}): TestImage {
  const { format = "oci", changeManifest, changeConfig } = options;
  const types = mediaTypes[format];
  const config = jsonBytes(configOf(layers, options), changeConfig);
  const manifest = {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, size: config.length, digest: sha256(config) },
    layers: layers.map(({ blob, digest, compression }) => ({
      mediaType: types.layer[compression],
      size: blob.length,
      digest,
    })),
  };
  const top = testManifest(jsonBytes(manifest, changeManifest), types.manifest);
  const id = sha256(config);
  return { top, manifests: [], blobs: new Map([[id, config], ...layers.map(digestAndBlob)]), id };
}

/** An index of images, each for the platform of its configuration. */
export function testIndex(
  images: readonly { readonly image: TestImage; readonly platform: Json; readonly annotations?: Json }[],
  {
    format = "oci",
    changeIndex,
  }: { readonly format?: Format; readonly changeIndex?: (index: Json) => Json | Buffer } = {},
): TestImage {
  const types = mediaTypes[format];
  const index = {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: images.map(({ image: { top }, platform, annotations }) => ({
      mediaType: top.mediaType,
      size: top.bytes.length,
      digest: top.digest,
      platform,
      ...(annotations === undefined ? {} : { annotations }),
    })),
  };
  return {
    top: testManifest(jsonBytes(index, changeIndex), types.index),
    manifests: onlyOnce(images.flatMap(({ image }) => [...image.manifests, image.top])),
    blobs: new Map(images.flatMap(({ image }) => [...image.blobs])),
    id: images[0]?.image.id ?? "",
  };
}

function onlyOnce(manifests: readonly TestManifest[]): readonly TestManifest[] {
  return [...new Map(manifests.map((manifest) => [manifest.digest, manifest])).values()];
}

/** An index of one image for this machine and, with other content, for one that it is not. */
export function platformIndex(
  layers: readonly TestLayer[],
  options: Omit<ImageOptions, "architecture"> = {},
): TestImage {
  const own = imageArchitecture();
  const other = own === "arm64" ? "amd64" : "arm64";
  return testIndex(
    [own, other].map((architecture) => ({
      image: testImage(layers, { ...options, architecture }),
      platform: { architecture, os: "linux" },
    })),
    options,
  );
}

/** Any bytes as a manifest. */
export function testManifest(bytes: Buffer, mediaType: string): TestManifest {
  return { bytes, mediaType, digest: sha256(bytes) };
}

function configOf(layers: readonly TestLayer[], { architecture, variant, config }: ImageOptions): Json {
  return {
    created,
    architecture: imageArchitecture(architecture),
    ...(variant === undefined ? {} : { variant }),
    os: "linux",
    config: { Env: [searchPath], Cmd: ["sh"], ...config },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: "crib's tests" })),
  };
}

function jsonBytes(value: Json, change: ((value: Json) => Json | Buffer) | undefined): Buffer {
  const changed = change?.(value) ?? value;
  return Buffer.isBuffer(changed) ? changed : Buffer.from(JSON.stringify(changed));
}

function digestAndBlob({ digest, blob }: TestLayer): [string, Buffer] {
  return [digest, blob];
}
