import type { ImageRpc } from "./rpc.ts";

/** Ends without a message: there are no images yet. */
export const streamImages: ImageRpc<"streamImages"> = async function* () {};
