import { checkImageName } from "../validation/image-name.ts";
import type { ImageRpc } from "./rpc.ts";

/** An answer without an image means that it is not there, and none is yet. */
export const imageStatus: ImageRpc<"imageStatus"> = (_deps, { image }) => {
  checkImageName(image);
  return {};
};
