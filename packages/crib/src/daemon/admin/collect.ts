import type { ImagesRpc } from "./rpc.ts";

/** Removes now what no image, pull or snapshot leads to, and says how much it was. */
export const collect: ImagesRpc<"collect"> = async ({ images }, _request, { signal }) => {
  const { blobs, bytes, snapshots, partials } = await images.collectGarbage(signal);
  return {
    blobs: BigInt(blobs),
    bytes: BigInt(bytes),
    snapshots: BigInt(snapshots),
    partials: BigInt(partials),
  };
};
