import { join } from "node:path";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { type CritestSamples, runCritest, type SampleKind } from "./run-critest.ts";

/** What is to be measured. */
export interface MeasureOptions {
  readonly critest: string;
  /** Folder for critest's files. */
  readonly scratch: string;
  /** Samples of each runtime at each level. */
  readonly pods: number;
  readonly containers: number;
  /** How many samples critest takes at a time. */
  readonly levels: readonly number[];
  readonly signal: AbortSignal;
}

/** One runtime's figures of one kind at one level. */
export interface Measurement {
  readonly runtime: string;
  readonly parallelism: number;
  readonly kind: SampleKind;
  /** Milliseconds by critest's name of the operation, in the order of the cycle. */
  readonly operations: ReadonlyMap<string, Percentiles>;
  /** All operations of a sample together, milliseconds. */
  readonly cycle: Percentiles;
  readonly cyclesPerSecond: number;
}

/** Samples of each kind that a runtime takes before the next one's turn. */
const turn = 20;

/** Samples of each kind that do not count: with them comes the image. */
const warmUp = 4;

const kinds: readonly SampleKind[] = ["pod", "container"];

/** Alternates between the runtimes, a critest each, after one that does not count. */
export async function measureRuntimes(
  servers: readonly ServerProcess[],
  options: MeasureOptions,
): Promise<readonly Measurement[]> {
  const { critest, signal } = options;
  const dir = join(options.scratch, "critest");
  const measurements: Measurement[] = [];
  for (const parallelism of options.levels) {
    const run = async (server: ServerProcess, pods: number, containers: number): ReturnType<typeof runCritest> =>
      await runCritest({ critest, socket: server.socket, dir, pods, containers, parallelism, signal });
    const taken = servers.map((server) => ({
      server,
      samples: { pod: [], container: [] } as Record<SampleKind, CritestSamples[]>,
    }));
    for (const { server } of taken) await run(server, warmUp, warmUp);
    for (let done = 0; done < Math.max(options.pods, options.containers); done += turn) {
      const left = (wanted: number): number => Math.max(0, Math.min(turn, wanted - done));
      for (const { server, samples } of taken) {
        const result = await run(server, left(options.pods), left(options.containers));
        for (const kind of kinds) samples[kind].push(result[kind]);
      }
    }
    for (const { server, samples } of taken) {
      for (const kind of kinds) {
        const turns = samples[kind].filter(({ datapoints }) => datapoints.length > 0);
        if (turns.length > 0) measurements.push({ runtime: server.name, parallelism, kind, ...reduce(turns) });
      }
    }
  }
  return measurements;
}

function reduce(turns: readonly CritestSamples[]): Pick<Measurement, "operations" | "cycle" | "cyclesPerSecond"> {
  const cycles = turns.flatMap(({ datapoints }) => datapoints);
  const ms = cycles.map(({ operationsDurationsNs }) => operationsDurationsNs.map((nanoseconds) => nanoseconds / 1e6));
  const names = turns[0]?.operationsNames ?? [];
  // From the first sample's start to the last one's end, turn by turn: between turns the other runtime runs.
  const seconds = turns.map(({ datapoints }) => {
    const began = Math.min(...datapoints.map(({ startTime }) => startTime));
    return (Math.max(...datapoints.map(({ endTime }) => endTime)) - began) / 1e9;
  });
  return {
    operations: new Map(names.map((name, at) => [name, percentiles(ms.map((cycle) => cycle[at] ?? Number.NaN))])),
    cycle: percentiles(ms.map((cycle) => cycle.reduce((sum, part) => sum + part, 0))),
    cyclesPerSecond: cycles.length / seconds.reduce((sum, part) => sum + part, 0),
  };
}
