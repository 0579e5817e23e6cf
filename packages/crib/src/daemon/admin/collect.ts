import type { ImagesRpc } from "./rpc.ts";

/** Removes now what no image, pull or snapshot leads to, on demand also what failed pulls left, and says how much it was. */
export const collect: ImagesRpc<"collect"> = async ({ images }, { abandonedToo }, { signal }) => {
  const { blobs, bytes, snapshots, partials } = await images.collectGarbage(signal, { abandonedToo });
  return {
    blobs: BigInt(blobs),
    bytes: BigInt(bytes),
    snapshots: BigInt(snapshots),
    partials: BigInt(partials),
  };
};
