import { ok } from "node:assert/strict";

import { Code, StatusError } from "@crib/errdefs";

import type { ImageNode } from "./image-node.ts";
import { testImage } from "./image.ts";
import { type TestLayer, testLayer } from "./layer.ts";
import { watchPeakMemory } from "./peak-memory.ts";
import { processorMs } from "./processor-time.ts";

/** Codes of errors that say that something is not as it should be, and so is refused. */
export const refusals: readonly Code[] = [Code.InvalidArgument, Code.DataLoss, Code.ResourceExhausted];

/** What a refusal may cost at most. */
export interface Bounds {
  /** Milliseconds of processor time of the daemon. How long it takes otherwise is limited by that of a call. */
  readonly withinMs: number;
  readonly growthMib: number;
  /** Default: any of `refusals`. */
  readonly codes?: readonly Code[];
}

/** Expects that a pull is refused, in time and without much memory, and that the daemon is well after it. */
export async function expectRefused(
  target: ImageNode,
  pull: () => Promise<unknown>,
  { withinMs, growthMib, codes = refusals }: Bounds,
): Promise<StatusError> {
  const memory = watchPeakMemory(target.node.daemon.pid);
  const startedMs = processorMs(target.node.daemon.pid);
  const reason = await pull().then(
    () => undefined,
    (reason: unknown) => StatusError.from(reason),
  );
  target.expectUnharmed();
  const tookMs = processorMs(target.node.daemon.pid) - startedMs;
  ok(reason !== undefined, "it was not refused");
  ok(codes.includes(reason.code), `${reason.code}: ${reason.message}`);
  ok(tookMs < withinMs, `took ${tookMs} ms of a processor`);
  const growth = memory.growth();
  ok(growth < growthMib, `the daemon grew by ${growth.toFixed(1)} MiB`);
  return reason;
}

/** Expects that an image of this layer is refused. */
export function expectLayerRefused(target: ImageNode, layer: TestLayer, bounds: Bounds): Promise<StatusError> {
  return expectRefused(target, () => target.pull(testImage([layer])), bounds);
}

/** Pulls, and removes, a good image: after something bad all is as before. Before it, the daemon has what it keeps for later pulls. */
export async function pullGoodImage(target: ImageNode): Promise<void> {
  const entries = Array.from({ length: 50 }, (_, file) => ({ name: `f${file}`, content: "x".repeat(file * 100) }));
  const id = await target.pull(testImage([testLayer(entries), testLayer([{ name: "top" }], "zstd")]));
  await target.images.remove(id);
}

/** Has the daemon start what it starts once: its workers, its connections. */
export async function warmUp(target: ImageNode): Promise<void> {
  for (let time = 0; time < 5; time++) await pullGoodImage(target);
}
