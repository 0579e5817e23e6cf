import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PullEvent } from "@crib/core";
import { toPullRequest } from "@crib/cri";
import { LayerState, type PullEventSchema } from "@crib/wire/admin";

import { PullEvents } from "./pull-events.ts";
import type { ImagesRpc } from "./rpc.ts";

/** Pulls, and tells how it goes on; the last event has the id. A client that leaves ends its pull. */
export const pull: ImagesRpc<"pull"> = async function* ({ images, handlers }, request, { signal }) {
  const { image, runtimeHandler, auth } = request;
  const events = new PullEvents();
  const asked = {
    ...toPullRequest(handlers, { image, runtimeHandler }, auth),
    onEvent: (event: PullEvent) => events.push(event),
  };
  const pulled = images.pull(asked, signal);
  pulled.then(
    () => events.end(),
    () => events.end(),
  );
  for await (const event of events) {
    // Said once, and last, below.
    if (event.kind !== "done") yield toMessage(event);
  }
  yield { event: { case: "done", value: { imageId: (await pulled).id } } };
};

const states = {
  waiting: LayerState.WAITING,
  downloading: LayerState.DOWNLOADING,
  unpacking: LayerState.UNPACKING,
  done: LayerState.DONE,
  exists: LayerState.EXISTS,
} as const;

function toMessage(event: Exclude<PullEvent, { readonly kind: "done" }>): MessageInitShape<typeof PullEventSchema> {
  if (event.kind === "resolving") return { event: { case: "resolving", value: { reference: event.reference } } };
  if (event.kind === "resolved") {
    const layers = event.layers.map(({ digest, size }) => ({ digest, size: BigInt(size) }));
    return { event: { case: "resolved", value: { reference: event.reference, digest: event.digest, layers } } };
  }
  const { digest, state, downloaded, unpacked, size } = event;
  const value = {
    digest,
    state: states[state],
    downloaded: BigInt(downloaded),
    unpacked: BigInt(unpacked),
    size: BigInt(size),
  };
  return { event: { case: "layer", value } };
}
