import { Code, hasCode } from "@crib/errdefs";

import type { LayerLimits, LayerUnpacker, UnpackedLayer, UnpackRun } from "../../layers/types.ts";
import type { LayerMaker, LayerState } from "./layer-work.ts";

/** One try to fetch a blob and to unpack it while it comes in. */
export interface UnpackBlobOptions extends Pick<LayerMaker, "layer" | "blob" | "fetcher" | "fetched"> {
  readonly unpacker: LayerUnpacker;
  readonly limits: LayerLimits;
  /** Makes the empty directory, when there is something to unpack. */
  readonly makeTarget: () => Promise<string>;
  readonly tell: (state: LayerState) => void;
}

/** Milliseconds between two looks at how far a worker has read. */
const lookMs = 100;

/**
 * Settles when the layer is unpacked and both of its digests are right, or nothing is being written any more. An unpacking that
 * fails over the bytes leaves the transfer running, since only the whole blob tells whose fault it is.
 */
export async function unpackBlob(options: UnpackBlobOptions, signal: AbortSignal): Promise<UnpackedLayer> {
  const { layer, blob, fetcher, unpacker, limits, tell } = options;
  const { digest, size, diffId } = layer;
  const transfer = new AbortController();
  const unpacking = new AbortController();
  const transferSignal = AbortSignal.any([signal, transfer.signal]);
  let run: UnpackRun | undefined;
  let downloaded = 0;
  const look = (): void =>
    tell({ state: downloaded < size ? "downloading" : "unpacking", downloaded, unpacked: run?.readBytes ?? 0 });
  const timer = setInterval(look, lookMs).unref();

  const opened = async (blobPath: string, available: number): Promise<void> => {
    const target = await options.makeTarget();
    downloaded = available;
    const job = { blobPath, digest, size, diffId, target, limits };
    run = unpacker.unpack(job, AbortSignal.any([signal, unpacking.signal]));
    run.available(available);
    run.done.catch((reason: unknown) => {
      const isOverBytes = hasCode(reason, Code.DataLoss) || hasCode(reason, Code.InvalidArgument);
      if (!isOverBytes) transfer.abort(reason);
    });
    look();
  };
  const grew = (available: number): void => {
    downloaded = available;
    run?.available(available);
    look();
  };

  try {
    await blob.fetch(fetcher, { opened, grew }, transferSignal);
    options.fetched();
    look();
    if (!run) throw new Error("a blob that was fetched was never opened");
    return await run.done;
  } catch (reason) {
    unpacking.abort(reason);
    const failed = await run?.done.then(
      () => undefined,
      (error: unknown) => error,
    );
    // A transfer that was ended because the unpacking had failed has that failure as its reason.
    throw transfer.signal.aborted && failed !== undefined ? failed : reason;
  } finally {
    clearInterval(timer);
  }
}
