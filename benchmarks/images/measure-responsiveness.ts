import { connectCri } from "@crib/cri-client";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import type { LoopDelay, LoopDelayRecorder } from "../support/record-loop-delay.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { type PushedImage, pull, remove, settle } from "./measure-pulls.ts";

/** How a daemon answered others while it pulled. */
export interface Responsiveness {
  readonly runtime: string;
  readonly image: string;
  /** Version, asked every 5 ms whether or not the last answer has come, milliseconds. */
  readonly versionMs: Percentiles;
  /** Of the daemon's event loop; only where it has one. */
  readonly loop?: LoopDelay;
}

/** Milliseconds between two questions. */
const intervalMs = 5;

/** Pulls an image once while another client asks for the version all the time. The image is removed again. */
export async function measureResponsiveness(
  server: ServerProcess,
  image: PushedImage,
  recorder: LoopDelayRecorder | undefined,
): Promise<Responsiveness> {
  await settle(server);
  await using client = connectCri(server.socket);
  await client.runtime.version({});
  await recorder?.take(server.pid);
  const asked: Promise<number>[] = [];
  const ask = async (): Promise<number> => {
    const began = performance.now();
    await client.runtime.version({});
    return performance.now() - began;
  };
  const timer = setInterval(() => asked.push(ask()), intervalMs);
  try {
    await pull(server, image);
  } finally {
    clearInterval(timer);
  }
  const loop = await recorder?.take(server.pid);
  const versionMs = percentiles(await Promise.all(asked));
  await remove(server, image);
  return { runtime: server.name, image: image.name, versionMs, ...(loop && { loop }) };
}
