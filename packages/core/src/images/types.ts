import type { Digest, ImageConfig, ImageReference, PlatformName } from "@crib/oci-spec";
import type { Credentials } from "@crib/registry";

import type { FlowRun } from "../flow/types.ts";
import type { DiskUsage, IdMappings, Snapshot } from "../snapshots/types.ts";

/** An image as the CRI knows it. Its id is the digest of its configuration. */
export interface ImageRecord {
  readonly version: 1;
  readonly id: Digest;
  /** `removing`: no name leads to it any more, what only it needs is being removed. */
  readonly state: "ready" | "removing";
  readonly createdAt: string;
  /** Digests of all manifests and indexes by which it was pulled; each leads to the configuration. */
  readonly targets: readonly Digest[];
  /** The manifest that its layers are of. */
  readonly manifest: Digest;
  readonly platform: PlatformName;
  /** From the lowest one upwards. */
  readonly layers: readonly {
    readonly digest: Digest;
    readonly size: number;
    readonly mediaType: string;
    readonly diffId: Digest;
    readonly chainId: Digest;
  }[];
  /** Bytes in the content store: manifests, configuration, layers as they were transferred. */
  readonly size: number;
  /** Bytes and inodes of the unpacked layers. */
  readonly unpacked: DiskUsage;
  /** Never removed by the kubelet's garbage collection. */
  readonly pinned: boolean;
  readonly user: string;
  readonly runs: readonly FlowRun[];
}

/** An image with its names as the CRI lists them. */
export interface Image extends ImageRecord {
  /** `docker.io/library/busybox:latest`; sorted. */
  readonly repoTags: readonly string[];
  /** `docker.io/library/busybox@sha256:...`; sorted. */
  readonly repoDigests: readonly string[];
}

/** How a pull goes on. Numbers are bytes of blobs as transferred. */
export type PullEvent =
  | { readonly kind: "resolving"; readonly reference: string }
  | {
      readonly kind: "resolved";
      readonly reference: string;
      readonly digest: Digest;
      readonly layers: readonly { readonly digest: Digest; readonly size: number }[];
    }
  | {
      readonly kind: "layer";
      readonly digest: Digest;
      readonly state: "waiting" | "downloading" | "unpacking" | "done" | "exists";
      readonly downloaded: number;
      readonly unpacked: number;
      readonly size: number;
    }
  | { readonly kind: "done"; readonly imageId: Digest };

export interface PullRequest {
  readonly reference: ImageReference;
  /** Credentials of the caller, for the reference's registry only. Default: those of the configured files. */
  readonly credentials?: Credentials;
  /** Name of the runtime handler that will run it; empty is the default one. */
  readonly runtimeHandler: string;
  /** Told of progress; also when the pull of another caller was joined. */
  readonly onEvent?: (event: PullEvent) => void;
}

/** Images, and what pulls and removes them. */
export interface Images {
  /**
   * Pulls and unpacks. Equal pulls (reference, handler, credentials) that run are joined. `signal` ends the caller's wait; the
   * pull itself ends when no caller is left. Errors as of RegistryClient and LayerUnpacker.
   */
  pull(request: PullRequest, signal: AbortSignal): Promise<Image>;
  /** By reference in any form, id, unique id prefix (12 digits or more) or digest. Undefined when there is none. */
  find(name: string): Image | undefined;
  list(): readonly Image[];
  /** The checked configuration. DataLoss when the store is damaged. */
  config(id: Digest): Promise<ImageConfig>;
  /** Manifest, configuration and layers as JSON shows them, for verbose status. */
  describe(id: Digest): Promise<Readonly<Record<string, unknown>>>;
  /** Removes all names of the image and whatever only it needs. Absence is success. */
  remove(name: string): Promise<void>;
  /** Prepares a snapshot of an image in the transaction that resolves it. NotFound when there is no such image. */
  prepareSnapshot(
    name: string,
    request: {
      readonly key: string;
      readonly kind: "active" | "view";
      readonly owner: string;
      readonly idMappings?: IdMappings;
    },
  ): { readonly image: Image; readonly snapshot: Snapshot };
  /** What all images and snapshots take together. */
  usage(signal: AbortSignal): Promise<DiskUsage>;
}

/** What a full check says of one blob that images need. */
export interface BlobVerdict {
  readonly digest: Digest;
  readonly size: number;
  /** `damaged`: its bytes hash to something else. `missing`: an image needs it, and it is not there. */
  readonly state: "sound" | "damaged" | "missing";
  /** Ids of the images that need it, sorted; none when nothing does. */
  readonly images: readonly Digest[];
}

/** What a collection took away. */
export interface Collected {
  readonly blobs: number;
  /** Bytes of blobs and partial files; what snapshots took is not counted. */
  readonly bytes: number;
  readonly snapshots: number;
  /** Partial files of pulls that nobody went on with. */
  readonly partials: number;
}

/** What the daemon's own admin service needs beyond `Images`. */
export interface ImageAdmin {
  /**
   * Takes the images of an OCI archive (a tar of an OCI layout) or of a docker-archive, uncompressed, gzip or zstd; all of
   * it is hostile input. The stream is read to its end or left early. With `name` the archive must hold one image, which gets
   * this name; else images keep the names that the archive gives them. Errors: InvalidArgument (no such archive, no name),
   * DataLoss (a digest is wrong), ResourceExhausted. A failed import leaves no image.
   */
  importArchive(
    archive: AsyncIterable<Uint8Array>,
    options: { readonly name?: ImageReference; readonly pinned?: boolean },
    signal: AbortSignal,
  ): Promise<readonly Image[]>;
  /**
   * The images as one uncompressed OCI archive that docker-archive readers take too. NotFound, naming it, before the first
   * chunk when one is not there. Leaving early is allowed; the images are kept while it runs.
   */
  exportArchive(names: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Hashes every blob of the store, off the main thread, one after another. With `repair` a damaged one goes, so that the next pull
   * of its images fetches it again; otherwise nothing is changed.
   */
  verify(signal: AbortSignal, options?: { readonly repair?: boolean }): AsyncIterable<BlobVerdict>;
  /**
   * Removes now what nothing leads to. What a failed pull had is kept for its next try for as long as configured, unless
   * `abandonedToo`.
   */
  collectGarbage(signal: AbortSignal, options?: { readonly abandonedToo?: boolean }): Promise<Collected>;
}
