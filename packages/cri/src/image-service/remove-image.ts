import { checkImageName } from "../validation/image-name.ts";
import type { ImageRpc } from "./rpc.ts";

/** An unknown image succeeds, and there are only unknown ones yet. */
export const removeImage: ImageRpc<"removeImage"> = (_deps, { image }) => {
  checkImageName(image);
  return {};
};
