import type { ContainerRecord } from "@crib/core/containers";
import { isReady, type SandboxRecord } from "@crib/core/sandbox";
import type { ContainerUsage, PodUsage, UsageDetails } from "@crib/core/stats";
import type { ContainerStatsFilter, PodSandboxStatsFilter } from "@crib/wire/cri";

import type { CriDeps } from "../types.ts";
import { filterContainers } from "./filter-containers.ts";
import { listSandboxes } from "./list-sandboxes.ts";
import { mapParallel } from "./map-parallel.ts";
import { orNone } from "./or-none.ts";

/** How many pods or containers are asked at a time: each answer reads a dozen files. */
const parallel = 16;

/** The usage of a container; undefined where none can be told. */
export interface MeasuredContainer {
  readonly record: ContainerRecord;
  readonly usage: ContainerUsage | undefined;
  /** Only where they were asked for, of containers that run. */
  readonly details?: UsageDetails | undefined;
}

/** The usage of a pod and its containers. */
export interface MeasuredPod {
  readonly record: SandboxRecord;
  readonly usage: PodUsage;
  readonly containers: readonly MeasuredContainer[];
}

/**
 * The usage of every ready pod that the filter leaves, in the order of the list. A pod that fails is left out, and said in the log; one that is
 * stopped meanwhile is left out, whatever was still read of it.
 */
export async function listPodUsage(
  deps: CriDeps,
  filter: PodSandboxStatsFilter | undefined,
  signal: AbortSignal,
): Promise<MeasuredPod[]> {
  const ready = (): SandboxRecord[] => listSandboxes(deps.sandboxes, filter).filter(isReady);
  const measured = await mapParallel(ready(), parallel, async (record) => {
    signal.throwIfAborted();
    const usage = await orNone(deps, { sandboxId: record.id }, signal, () => deps.stats.pod(record, signal));
    return usage && { record, usage, containers: await podContainers(deps, record.id, signal) };
  });
  const known = new Set(ready().map(({ id }) => id));
  return measured.filter((pod) => pod !== undefined).filter(({ record }) => known.has(record.id));
}

/** The usage of the containers of one pod. */
export function podContainers(deps: CriDeps, sandboxId: string, signal: AbortSignal): Promise<MeasuredContainer[]> {
  return measure(deps, () => deps.containers.list({ sandboxId }), signal);
}

/**
 * The usage of every container that the filter leaves, in the order of the list. One that is removed meanwhile is left out: what was read of it
 * may be half of it.
 */
export function listContainerUsage(
  deps: CriDeps,
  filter: ContainerStatsFilter | undefined,
  signal: AbortSignal,
): Promise<MeasuredContainer[]> {
  return measure(deps, () => filterContainers(deps.containers, filter), signal);
}

async function measure(
  deps: CriDeps,
  list: () => readonly ContainerRecord[],
  signal: AbortSignal,
): Promise<MeasuredContainer[]> {
  const measured = await mapParallel(list(), parallel, async (record) => {
    signal.throwIfAborted();
    const read = (): Promise<ContainerUsage> => deps.stats.container(record, signal);
    return { record, usage: await orNone(deps, { containerId: record.id }, signal, read) };
  });
  // What cannot be measured is still shown, unless that is because it goes.
  const states = new Map(list().map(({ id, state }) => [id, state]));
  return measured.flatMap(({ record, usage }) => {
    const state = states.get(record.id);
    if (state === undefined || state === "removing") return [];
    // Of one that has ended meanwhile some figures may have been there and others no more.
    const hasEnded = record.state === "running" && state !== "running";
    return [{ record, usage: usage && hasEnded ? afterEnd(usage) : usage }];
  });
}

/** What a container that does not run uses. */
function afterEnd({ timestamp, writableLayer }: ContainerUsage): ContainerUsage {
  return { timestamp, ...(writableLayer && { writableLayer }) };
}
