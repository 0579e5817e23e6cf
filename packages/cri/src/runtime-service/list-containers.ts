import { toContainer } from "../conversion/container/container.ts";
import { filterContainers } from "../lookup/filter-containers.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The containers for which all conditions of the filter hold; ids may be prefixes. */
export const listContainers: RuntimeRpc<"listContainers"> = ({ containers }, { filter }) => ({
  containers: filterContainers(containers, filter).map(toContainer),
});
