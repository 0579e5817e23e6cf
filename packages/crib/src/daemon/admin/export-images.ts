import { checkImageName } from "@crib/cri";
import { Code, StatusError } from "@crib/errdefs";

import { rechunk } from "./rechunk.ts";
import type { ImagesRpc } from "./rpc.ts";

/** Bytes of a message, far below what clients take; the next one is read when the connection has taken the last. */
const chunkBytes = 256 * 1024;

/** The images as one archive. */
export const exportImages: ImagesRpc<"export"> = async function* ({ images }, { images: names }, { signal }) {
  if (names.length === 0) throw new StatusError(Code.InvalidArgument, "exporting: no image is named");
  const checked = names.map((image) => checkImageName({ image }));
  for await (const data of rechunk(images.exportArchive(checked, signal), chunkBytes)) yield { data };
};
