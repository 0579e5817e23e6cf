import { type Percentiles, percentiles } from "../support/percentiles.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { type CycleTimes, type PidMode, podCycle } from "./pod-cycle.ts";

/** Figures of one runtime at one parallelism. */
export interface CycleFigures {
  readonly runtime: string;
  readonly pid: PidMode;
  readonly parallelism: number;
  readonly cyclesPerSecond: number;
  readonly run: Percentiles;
  readonly stop: Percentiles;
  readonly remove: Percentiles;
  readonly cycle: Percentiles;
}

/** How many pods are run before the runtimes take turns: what a runtime does once does not count. */
const batch = 10;

/** Alternates between the runtimes, a batch each, so that what the machine does meanwhile meets all alike. */
export async function measureCycles(
  servers: readonly ServerProcess[],
  options: { readonly pid: PidMode; readonly parallelism: number; readonly samples: number },
): Promise<readonly CycleFigures[]> {
  const { pid, parallelism, samples } = options;
  const taken = servers.map((server) => ({ server, times: [] as CycleTimes[], busyMs: 0 }));
  for (const { server } of taken) await podCycle(server.client, pid);
  const size = Math.max(batch, parallelism * 3);
  for (let done = 0; done < samples; done += size) {
    for (const entry of taken) {
      const began = performance.now();
      entry.times.push(...(await runBatch(entry.server, pid, parallelism, Math.min(size, samples - done))));
      entry.busyMs += performance.now() - began;
    }
  }
  return taken.map(({ server, times, busyMs }) => ({
    runtime: server.name,
    pid,
    parallelism,
    cyclesPerSecond: times.length / (busyMs / 1_000),
    run: percentiles(times.map((time) => time.run)),
    stop: percentiles(times.map((time) => time.stop)),
    remove: percentiles(times.map((time) => time.remove)),
    cycle: percentiles(times.map((time) => time.cycle)),
  }));
}

async function runBatch(
  server: ServerProcess,
  pid: PidMode,
  parallelism: number,
  count: number,
): Promise<readonly CycleTimes[]> {
  const times: CycleTimes[] = [];
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left--;
      times.push(await podCycle(server.client, pid));
    }
  };
  await Promise.all(Array.from({ length: parallelism }, worker));
  return times;
}
