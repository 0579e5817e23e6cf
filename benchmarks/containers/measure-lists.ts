import {
  ContainerStatusRequestSchema,
  ListContainersRequestSchema,
  ListContainerStatsRequestSchema,
} from "@crib/wire/cri";

import { type Percentiles, percentiles } from "../support/percentiles.ts";
import { connectRaw, type RawCaller } from "../support/raw-call.ts";
import { type Contestant, createContainer, removePod, type RunningPod, runPod } from "./contestant.ts";

/** The calls that are measured. */
export const listCalls = ["ListContainers", "ContainerStatus", "ListContainerStats"] as const;

/** One of them. */
export type ListCall = (typeof listCalls)[number];

/** Milliseconds of one call of one runtime that has so many running containers. */
export interface ListFigures {
  readonly runtime: string;
  readonly containers: number;
  readonly call: ListCall;
  readonly times: Percentiles;
}

interface Holder {
  readonly contestant: Contestant;
  readonly caller: RawCaller;
  readonly pods: RunningPod[];
  readonly ids: string[];
}

/** Containers of a pod. */
const perPod = 10;

/** How many are made at the same time. */
const atOnce = 4;

/** Has more and more containers run and measures on the way, alternating call by call. All are removed at the end. */
export async function measureLists(
  contestants: readonly Contestant[],
  options: { readonly levels: readonly number[]; readonly samples: number },
): Promise<readonly ListFigures[]> {
  await using stack = new AsyncDisposableStack();
  const holders = contestants.map((contestant): Holder => {
    const holder = { contestant, caller: stack.use(connectRaw(contestant.server.socket)), pods: [], ids: [] };
    stack.defer(() => release(holder));
    return holder;
  });
  const figures: ListFigures[] = [];
  for (const containers of options.levels) {
    for (const holder of holders) await hold(holder, containers);
    for (const call of listCalls) figures.push(...(await measure(holders, call, containers, options.samples)));
  }
  return figures;
}

async function hold(holder: Holder, count: number): Promise<void> {
  const { contestant, pods, ids } = holder;
  const missing = Math.ceil(count / perPod) - pods.length;
  await inParallel(missing, async () => void pods.push(await runPod(contestant)));
  const first = ids.length;
  await inParallel(count - first, async (index) => {
    const pod = pods[Math.floor((first + index) / perPod)] as RunningPod;
    const containerId = await createContainer(contestant, pod, `c${first + index}`);
    await contestant.server.client.runtime.startContainer({ containerId });
    ids.push(containerId);
  });
}

async function release({ contestant, pods }: Holder): Promise<void> {
  await inParallel(pods.length, async (index) => await removePod(contestant, pods[index] as RunningPod));
}

async function measure(
  holders: readonly Holder[],
  call: ListCall,
  containers: number,
  samples: number,
): Promise<readonly ListFigures[]> {
  const taken = holders.map((holder) => ({ holder, times: [] as number[] }));
  for (let sample = -3; sample < samples; sample++) {
    for (const { holder, times } of taken) {
      holder.contestant.signal?.throwIfAborted();
      const began = performance.now();
      await ask(holder, call);
      if (sample >= 0) times.push(performance.now() - began);
    }
  }
  return taken.map(({ holder, times }) => {
    return { runtime: holder.contestant.server.name, containers, call, times: percentiles(times) };
  });
}

async function ask({ caller, ids }: Holder, call: ListCall): Promise<void> {
  const method = `/runtime.v1.RuntimeService/${call}`;
  if (call === "ListContainers") await caller.call(method, ListContainersRequestSchema, {});
  else if (call === "ListContainerStats") await caller.call(method, ListContainerStatsRequestSchema, {});
  else await caller.call(method, ContainerStatusRequestSchema, { containerId: ids[0] ?? "" });
}

async function inParallel(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
