import { BlobState } from "@crib/wire/admin";

import type { ImagesRpc } from "./rpc.ts";

const states = {
  sound: BlobState.SOUND,
  damaged: BlobState.DAMAGED,
  missing: BlobState.MISSING,
} as const;

/**
 * Hashes the whole store; one event for each blob, also for those that are sound. Damaged ones go: nobody can use them, and were they
 * there, the next pull would not fetch them.
 */
export const verify: ImagesRpc<"verify"> = async function* ({ images }, _request, { signal }) {
  for await (const { digest, size, state, images: ids } of images.verify(signal, { repair: true })) {
    yield { digest, size: BigInt(size), state: states[state], images: [...ids] };
  }
};
