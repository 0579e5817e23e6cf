import { batches } from "../conversion/batches.ts";
import { containerWeight, toContainer } from "../conversion/container/container.ts";
import { filterContainers } from "../lookup/filter-containers.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The list of ListContainers in messages that stay small however many containers there are. */
export const streamContainers: RuntimeRpc<"streamContainers"> = async function* ({ containers }, { filter }) {
  for (const records of batches(filterContainers(containers, filter), containerWeight)) {
    yield { containers: records.map(toContainer) };
  }
};
