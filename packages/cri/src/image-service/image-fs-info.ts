import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FilesystemUsageSchema } from "@crib/wire/cri";

import { toNanoseconds } from "../conversion/nanoseconds.ts";
import type { FilesystemUsage } from "../types.ts";
import type { ImageRpc } from "./rpc.ts";

/**
 * Usage of what images take and of what containers write. Both have the same mount point while they share a file system; the
 * kubelet takes them for two disks only where the mount points differ.
 */
export const imageFsInfo: ImageRpc<"imageFsInfo"> = async ({ imageFs }, _request, { signal }) => {
  const { images, containers } = await imageFs(signal);
  return { imageFilesystems: [toUsage(images)], containerFilesystems: [toUsage(containers)] };
};

function toUsage({
  measuredAt,
  mountpoint,
  usedBytes,
  inodesUsed,
}: FilesystemUsage): MessageInitShape<typeof FilesystemUsageSchema> {
  return {
    timestamp: toNanoseconds(measuredAt),
    fsId: { mountpoint },
    usedBytes: { value: usedBytes },
    inodesUsed: { value: inodesUsed },
  };
}
