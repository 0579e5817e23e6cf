import { toNanoseconds } from "../conversion/nanoseconds.ts";
import type { ImageRpc } from "./rpc.ts";

/** Usage of the filesystem of images. Containers write to the same one, so it is given as theirs too. */
export const imageFsInfo: ImageRpc<"imageFsInfo"> = async ({ imageFs }, _request, { signal }) => {
  const { mountpoint, usedBytes, inodesUsed } = await imageFs(signal);
  const usage = {
    timestamp: toNanoseconds(new Date()),
    fsId: { mountpoint },
    usedBytes: { value: usedBytes },
    inodesUsed: { value: inodesUsed },
  };
  return { imageFilesystems: [usage], containerFilesystems: [usage] };
};
