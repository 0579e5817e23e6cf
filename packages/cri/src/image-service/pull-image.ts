import { toPullRequest } from "../validation/pull-request.ts";
import type { ImageRpc } from "./rpc.ts";

/**
 * Pulls and unpacks, and gives the image's id: `image_ref` is what ImageStatus has as `id`. The sandbox's configuration plays no
 * part. The request is never logged: it may hold credentials.
 */
export const pullImage: ImageRpc<"pullImage"> = async ({ images, handlers }, { image, auth }, { signal }) => {
  const { id } = await images.pull(toPullRequest(handlers, image, auth), signal);
  return { imageRef: id };
};
