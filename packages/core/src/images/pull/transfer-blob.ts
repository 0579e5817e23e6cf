import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { BlobStream } from "@crib/registry";

import type { Ingest } from "../../content/types.ts";
import type { ImageSource } from "../sources/image-source.ts";
import type { BlobFollower } from "./blob-work.ts";
import type { Places } from "./places.ts";
import type { TransferWatch } from "./transfer-watch.ts";

/** What all transfers share. */
export interface TransferPlaces {
  /** Transfers of all pulls that may run at a time. */
  readonly places: Places;
  /** Milliseconds without a byte after which a transfer gives its places to others and goes on without. */
  readonly idleMs: number;
}

/** Whose source and places are used. */
export interface TransferOrigin {
  readonly source: ImageSource;
  readonly places: Places;
  readonly watch: TransferWatch;
  readonly skipHosts: ReadonlySet<string>;
}

/** Takes the missing bytes of a blob into its partial file. `sources` learns which hosts gave them. */
export async function transferBlob(
  shared: TransferPlaces,
  from: TransferOrigin,
  ingest: Ingest,
  follower: BlobFollower,
  sources: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  using own = await from.places.take(signal);
  using common = await shared.places.take(signal);
  using idle = new IdleWatch(shared.idleMs, () => {
    // A host that is silent must not keep others waiting for the place.
    own[Symbol.dispose]();
    common[Symbol.dispose]();
  });
  using _open = from.watch.begin();
  const stream = await openStream(from, ingest, signal);
  if (stream.offset !== ingest.written) await ingest.restart();
  sources.add(stream.source);
  follower.open(ingest.written);
  for await (const chunk of stream) {
    idle.busy();
    from.watch.moved();
    sources.add(stream.source);
    signal.throwIfAborted();
    await ingest.append(chunk);
    follower.grew(ingest.written);
  }
  if (ingest.written !== ingest.size) {
    throw new StatusError(Code.DataLoss, `blob "${ingest.digest}": ${ingest.written} of ${ingest.size} bytes came`);
  }
}

/** Where every host is to be skipped, one that was wrong once is better than none. */
async function openStream(from: TransferOrigin, ingest: Ingest, signal: AbortSignal): Promise<BlobStream> {
  const offset = ingest.written;
  try {
    return await from.source.openBlob(ingest, { offset, skipHosts: from.skipHosts }, signal);
  } catch (reason) {
    if (from.skipHosts.size === 0 || signal.aborted || hasCode(reason, Code.Canceled)) throw reason;
    return await from.source.openBlob(ingest, { offset, skipHosts: new Set() }, signal);
  }
}

/** Calls back once when nothing has been heard for a while. */
class IdleWatch implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(idleMs: number, isIdle: () => void) {
    this.#timer = setTimeout(isIdle, idleMs).unref();
  }

  busy(): void {
    // After it has fired there is nothing left to give back, and refreshing would only set it going again.
    this.#timer.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
