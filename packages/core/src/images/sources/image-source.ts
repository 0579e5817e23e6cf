import type { Descriptor } from "@crib/oci-spec";
import type { BlobStream, FetchedManifest } from "@crib/registry";

/** Where the bytes of one image come from. Errors as of RegistryClient. */
export interface ImageSource {
  /** The manifest or index that the image was asked for by. */
  fetchManifest(signal: AbortSignal): Promise<FetchedManifest>;
  /** A manifest that an index names, checked. */
  fetchByDigest(
    descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">,
    signal: AbortSignal,
  ): Promise<Pick<FetchedManifest, "bytes">>;
  /** A small blob, checked. */
  fetchSmallBlob(
    descriptor: Pick<Descriptor, "digest" | "size">,
    limitBytes: number,
    signal: AbortSignal,
  ): Promise<Buffer>;
  /** A blob as a stream whose size is checked and whose digest is not. Hosts of `skipHosts` are not asked. */
  openBlob(
    descriptor: Pick<Descriptor, "digest" | "size">,
    options: { readonly offset: number; readonly skipHosts: ReadonlySet<string> },
    signal: AbortSignal,
  ): Promise<BlobStream>;
}
