import type { ImageRpc } from "./rpc.ts";

/** Empty: there are no images yet. */
export const listImages: ImageRpc<"listImages"> = () => ({ images: [] });
