import { Code, StatusError } from "@crib/errdefs";
import { parseReference } from "@crib/oci-spec";
import type { ImportChunk } from "@crib/wire/admin";

import { toAdminImage } from "./admin-image.ts";
import type { ImagesRpc } from "./rpc.ts";

/** Takes the images of an archive that comes in chunks; the first one may have the name that the only image is to get. */
export const importImages: ImagesRpc<"import"> = async ({ images }, requests, { signal }) => {
  const chunks = requests[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done) throw new StatusError(Code.InvalidArgument, "importing: no archive was sent");
  const { name } = first.value;
  const options = name === "" ? {} : { name: parseReference(name) };
  const imported = await images.importArchive(bytesOf(first.value, chunks), options, signal);
  return { images: imported.map(toAdminImage) };
};

/** Fails with Canceled where the stream ends without a chunk that says so: a client that has gone looks like that. */
async function* bytesOf(first: ImportChunk, rest: AsyncIterator<ImportChunk>): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = first; ;) {
      if (chunk.data.length > 0) yield chunk.data;
      if (chunk.end) return;
      const next = await rest.next();
      if (next.done) throw new StatusError(Code.Canceled, "importing: the archive was cut off");
      chunk = next.value;
    }
  } finally {
    await rest.return?.();
  }
}
