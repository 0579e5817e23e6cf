import { setTimeout as sleep } from "node:timers/promises";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import { peakBytes, processorMs, resetPeak, residentBytes } from "../support/process-usage.ts";
import { runProgram } from "../support/run-program.ts";
import type { ServerProcess } from "../support/server-process.ts";

/** One pull and the removal that follows. */
interface PullSample {
  readonly pullMs: number;
  /** Processor time of the daemon until the pull was answered. */
  readonly processorMs: number;
  /** Most resident memory of the daemon during the pull. */
  readonly peakMiB: number;
  /** The same over what the daemon had before its first pull. */
  readonly growthMiB: number;
  readonly removeMs: number;
  /** On the disk after the removal and all that came of it, over what was there before the pull. */
  readonly leftMiB: number;
}

/** Figures of one runtime and image. */
export type PullFigures = { readonly [Figure in keyof PullSample]: Percentiles } & {
  readonly runtime: string;
  readonly image: string;
};

/** A runtime that takes part. */
export interface Contestant {
  readonly server: ServerProcess;
  /** Resident memory before its first pull. */
  readonly idleBytes: number;
}

/** An image in the registry. */
export interface PushedImage {
  readonly name: string;
  readonly reference: string;
  readonly repeats: number;
}

/** Milliseconds for one call; far more than any needs. */
const callMs = 300_000;

const mebibyte = 2 ** 20;

/** Takes a daemon that has pulled nothing yet. */
export async function contest(server: ServerProcess): Promise<Contestant> {
  await settle(server);
  return { server, idleBytes: residentBytes(server.pid) };
}

/** Pulls an image and removes it, `samples` times by each runtime in turn, after one that does not count. */
export async function measurePulls(
  contestants: readonly Contestant[],
  image: PushedImage,
  options: { readonly samples: number; readonly usedBytes: () => number },
): Promise<readonly PullFigures[]> {
  const taken = contestants.map((contestant) => ({ contestant, samples: [] as PullSample[] }));
  for (let round = 0; round <= options.samples * image.repeats; round++) {
    for (const { contestant, samples } of taken) {
      const sample = await pullOnce(contestant, image, options.usedBytes);
      if (round > 0) samples.push(sample);
    }
  }
  return taken.map(({ contestant, samples }) => {
    const of = (figure: keyof PullSample): Percentiles => percentiles(samples.map((sample) => sample[figure]));
    return {
      runtime: contestant.server.name,
      image: image.name,
      pullMs: of("pullMs"),
      processorMs: of("processorMs"),
      peakMiB: of("peakMiB"),
      growthMiB: of("growthMiB"),
      removeMs: of("removeMs"),
      leftMiB: of("leftMiB"),
    };
  });
}

/** Pulls an image by a kubelet's request; fails when the runtime does not list it afterwards. */
export async function pull({ client, name }: ServerProcess, { reference }: PushedImage): Promise<void> {
  await client.image.pullImage({ image: { image: reference } }, { timeoutMs: callMs });
  const { image } = await client.image.imageStatus({ image: { image: reference } });
  if (!image) throw new Error(`${name} does not know ${reference} after its pull`);
}

/** Removes an image; fails when the runtime still knows it. */
export async function remove(server: ServerProcess, { reference }: PushedImage): Promise<void> {
  await server.client.image.removeImage({ image: { image: reference } }, { timeoutMs: callMs });
  const { image } = await server.client.image.imageStatus({ image: { image: reference } });
  if (image) throw new Error(`${server.name} still knows ${reference} after its removal`);
}

/** Has what earlier samples wrote on the disk, and waits until the daemon is idle: what goes on behind an answer must not count. */
export async function settle({ pid }: ServerProcess): Promise<void> {
  await runProgram("sync", [], { timeoutMs: callMs });
  for (let before = processorMs(pid), calm = 0; calm < 3;) {
    await sleep(100);
    const now = processorMs(pid);
    calm = now - before <= 10 ? calm + 1 : 0;
    before = now;
  }
}

async function pullOnce(
  { server, idleBytes }: Contestant,
  image: PushedImage,
  usedBytes: () => number,
): Promise<PullSample> {
  const { pid } = server;
  await settle(server);
  const usedBefore = usedBytes();
  resetPeak(pid);
  const processorBefore = processorMs(pid);
  const began = performance.now();
  await pull(server, image);
  const pullMs = performance.now() - began;
  const processor = processorMs(pid) - processorBefore;
  const peak = peakBytes(pid);
  await settle(server);
  const removing = performance.now();
  await remove(server, image);
  const removeMs = performance.now() - removing;
  await settle(server);
  return {
    pullMs,
    processorMs: processor,
    peakMiB: peak / mebibyte,
    growthMiB: (peak - idleBytes) / mebibyte,
    removeMs,
    leftMiB: (usedBytes() - usedBefore) / mebibyte,
  };
}
