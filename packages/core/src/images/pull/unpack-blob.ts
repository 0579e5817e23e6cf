import { Code, hasCode } from "@crib/errdefs";

import { waitFor } from "../../flow/budget.ts";
import type { LayerLimits, LayerUnpacker, UnpackedLayer } from "../../layers/types.ts";
import type { LayerDirectory, Snapshots } from "../../snapshots/types.ts";
import { BlobBytes } from "./blob-bytes.ts";
import type { LayerMaker, LayerState } from "./layer-work.ts";
import type { Places } from "./places.ts";

/** What every unpacking shares. */
export interface UnpackDeps {
  readonly snapshots: Snapshots;
  readonly unpacker: LayerUnpacker;
  readonly limits: LayerLimits;
  /** As many as the unpacker has threads: one that waits for bytes that do not come must not have a thread to itself. */
  readonly threads: Places;
  /** Milliseconds without a byte after which a thread is given to a layer that waits for one. */
  readonly idleMs: number;
}

/** One try to fetch a blob and to unpack it while it comes in. */
export interface UnpackBlobOptions extends LayerMaker, UnpackDeps {
  readonly tell: (state: LayerState) => void;
  /** Removes a directory that becomes no layer. Never rejects. */
  readonly discard: (directory: LayerDirectory) => Promise<void>;
}

/** A layer in its directory, that is no snapshot yet. */
export interface LayerInDirectory {
  readonly directory: LayerDirectory;
  readonly layer: UnpackedLayer;
}

/** Milliseconds between two looks at how far a thread has read. */
const lookMs = 100;

/** Why an unpacking was ended that will be begun again. */
const starved = new Error("no bytes came");

/**
 * Settles when the layer is unpacked and both of its digests are right; when it rejects, nothing is being written any more and the
 * directory is gone. An unpacking that fails over the bytes leaves the transfer running, since only the whole blob tells
 * whose fault it is.
 */
export async function unpackBlob(options: UnpackBlobOptions, signal: AbortSignal): Promise<LayerInDirectory> {
  const { blob, fetcher, fetched, layer, tell } = options;
  const look = (): void => {
    const state = bytes.available < layer.size ? "downloading" : "unpacking";
    tell({ state, downloaded: bytes.available, unpacked: bytes.read });
  };
  const bytes: BlobBytes = new BlobBytes(look);
  const timer = setInterval(look, lookMs).unref();
  const failing = new AbortController();
  const either = AbortSignal.any([signal, failing.signal]);
  const transfer = async (): Promise<void> => {
    try {
      await blob.fetch(fetcher, bytes, either);
      bytes.end();
      fetched();
    } catch (reason) {
      failing.abort(reason);
      throw reason;
    }
  };
  const unpack = async (): Promise<LayerInDirectory> => {
    try {
      return await unpackFollowing(options, bytes, either);
    } catch (reason) {
      if (!isOverBytes(reason)) failing.abort(reason);
      throw reason;
    }
  };
  const [transferred, unpacked] = await Promise.allSettled([transfer(), unpack()]);
  clearInterval(timer);
  if (transferred.status === "fulfilled" && unpacked.status === "fulfilled") return unpacked.value;
  if (unpacked.status === "fulfilled") await options.discard(unpacked.value.directory);
  signal.throwIfAborted();
  // What ended the other one comes first: its own reason would only say that it was ended.
  throw failing.signal.aborted ? failing.signal.reason : (unpacked as PromiseRejectedResult).reason;
}

/** Unpacks what is there and what comes; begins again, with the whole blob, when it had to make room for others. */
async function unpackFollowing(
  options: UnpackBlobOptions,
  bytes: BlobBytes,
  signal: AbortSignal,
): Promise<LayerInDirectory> {
  const { threads, blob } = options;
  await waitFor(bytes.opened, signal);
  for (;;) {
    const { path } = blob;
    try {
      using _thread = await threads.take(signal);
      return await unpackOnce(options, bytes, signal);
    } catch (reason) {
      // A pull that shares the blob may have moved it into the store before it was opened here.
      if (hasCode(reason, Code.NotFound) && blob.path !== path) continue;
      if (reason !== starved) throw reason;
    }
    await waitFor(bytes.whole, signal);
  }
}

async function unpackOnce(
  options: UnpackBlobOptions,
  bytes: BlobBytes,
  signal: AbortSignal,
): Promise<LayerInDirectory> {
  const { snapshots, unpacker, limits, layer, blob, threads, idleMs, begun } = options;
  const { digest, size, diffId } = layer;
  const directory = await snapshots.createLayerDirectory();
  begun();
  const yielding = new AbortController();
  const timer = setInterval(
    () => {
      const mustYield = threads.waiting > 0 && bytes.available < size && bytes.starvedMs >= idleMs;
      if (mustYield) yielding.abort(starved);
    },
    Math.max(1, idleMs / 4),
  ).unref();
  try {
    const job = { blobPath: blob.path, digest, size, diffId, target: directory.target, limits };
    const run = unpacker.unpack(job, AbortSignal.any([signal, yielding.signal]));
    bytes.feed(run);
    return { directory, layer: await run.done };
  } catch (reason) {
    await options.discard(directory);
    throw yielding.signal.aborted && !signal.aborted ? starved : reason;
  } finally {
    clearInterval(timer);
  }
}

function isOverBytes(reason: unknown): boolean {
  return hasCode(reason, Code.DataLoss) || hasCode(reason, Code.InvalidArgument);
}
