import { Code, StatusError } from "@crib/errdefs";
import { digestOf } from "@crib/oci-spec";

import type { ContentStore } from "../../content/types.ts";
import type { ImageSource } from "./image-source.ts";

/** An image whose blobs are in the store already: one that was imported, or whose layers have to be unpacked again. */
export function contentSource(
  content: ContentStore,
  manifest: { readonly mediaType: string; readonly bytes: Buffer },
  manifestLimitBytes: number,
): ImageSource {
  return {
    async fetchManifest() {
      const { mediaType, bytes } = manifest;
      return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes, source: "content" };
    },
    async fetchByDigest({ digest }) {
      return { bytes: await content.read(digest, manifestLimitBytes) };
    },
    fetchSmallBlob: ({ digest }, limitBytes) => content.read(digest, limitBytes),
    async openBlob({ digest }) {
      throw new StatusError(Code.NotFound, `blob "${digest}": it is not in the content store`);
    },
  };
}
