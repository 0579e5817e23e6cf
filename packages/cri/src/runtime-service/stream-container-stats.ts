import { batches } from "../conversion/batches.ts";
import { containerWeight } from "../conversion/container/container.ts";
import { toContainerStats } from "../conversion/usage/container-stats.ts";
import { listContainerUsage } from "../lookup/list-usage.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListContainerStats in small messages. */
export const streamContainerStats: RuntimeRpc<"streamContainerStats"> = async function* (deps, { filter }, { signal }) {
  const measured = await listContainerUsage(deps, filter, signal);
  for (const batch of batches(measured, ({ record }) => containerWeight(record))) {
    yield { containerStats: batch.map(({ record, usage }) => toContainerStats(record, usage)) };
  }
};
