import type { UsageDetails } from "@crib/core/stats";

import type { CriDeps } from "../types.ts";
import { listPodUsage, type MeasuredContainer, type MeasuredPod } from "./list-usage.ts";
import { mapParallel } from "./map-parallel.ts";
import { orNone } from "./or-none.ts";

/** How many pods are asked at a time: each process of theirs is looked at. */
const parallel = 4;

/** The usage of all ready pods, with what only the metrics calls tell of their running containers. */
export async function listPodDetails(deps: CriDeps, signal: AbortSignal): Promise<MeasuredPod[]> {
  const pods = await listPodUsage(deps, undefined, signal);
  return await mapParallel(pods, parallel, async (pod) => ({
    ...pod,
    containers: await Promise.all(pod.containers.map((one) => withDetails(deps, one, signal))),
  }));
}

async function withDetails(
  deps: CriDeps,
  measured: MeasuredContainer,
  signal: AbortSignal,
): Promise<MeasuredContainer> {
  const { stats } = deps;
  const { record } = measured;
  if (!stats.details || record.state !== "running") return measured;
  const read = async (): Promise<UsageDetails | undefined> => await stats.details?.(record, signal);
  return { ...measured, details: await orNone(deps, { containerId: record.id }, signal, read) };
}
