import { ok } from "node:assert/strict";

import type { ImageNode } from "./image-node.ts";
import { testImage } from "./image.ts";
import { testLayer } from "./layer.ts";
import { processorMs } from "./processor-time.ts";
import type { TarEntry } from "./tar-archive.ts";

/** Layers of nothing but whiteouts, by what they remove: the entry of a layer with this index. */
export const whiteouts: Readonly<Record<string, (index: number) => TarEntry>> = {
  "the same directory opaque": () => ({ name: "d/.wh..wh..opq" }),
  "directories opaque": (index) => ({ name: `d${index % 1_000}/e${index}/.wh..wh..opq` }),
  whiteouts: (index) => ({ name: `d/.wh.f${index}` }),
  "the same whiteout": () => ({ name: "d/.wh.f" }),
};

/** Milliseconds of processor time that the daemon took for a pull of half as many entries, and of all. */
export interface WhiteoutTimes {
  readonly half: number;
  readonly whole: number;
}

/**
 * Pulls a layer of half of `count` such entries, then one of all, and removes both. Fails when the time that it takes the daemon grows with more
 * than their number. It is that of a processor: what the clock says is also what else the machine had to do.
 */
export async function whiteoutTimes(
  target: ImageNode,
  count: number,
  entryOf: (index: number) => TarEntry,
): Promise<WhiteoutTimes> {
  const measure = async (entries: number): Promise<number> => {
    const image = testImage([testLayer(Array.from({ length: entries }, (_, index) => entryOf(index)))]);
    const name = target.serve(image);
    const before = processorMs(target.node.daemon.pid);
    const id = await target.images.pull(name);
    const took = processorMs(target.node.daemon.pid) - before;
    await target.images.remove(id);
    return took;
  };
  const half = await measure(count / 2);
  const whole = await measure(count);
  // What grows with the square takes four times as long. The rest is for what is done once, and beside it.
  ok(whole < 2.5 * half + 100, `${half} ms for ${count / 2}, then ${whole} ms for ${count}`);
  return { half, whole };
}
