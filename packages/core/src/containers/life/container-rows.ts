import { createFlowRows, type FlowRows, type FlowRowsOptions } from "../../flow/flow-rows.ts";
import type { ContainerStore } from "../../metadata/container-store.ts";
import type { ContainerDeps } from "../steps/types.ts";
import type { ContainerFacts, ContainerPlan, ContainerRecord } from "../types.ts";

/** What running flows over rows needs. */
export interface ContainerRowsOptions extends Omit<
  FlowRowsOptions<ContainerDeps, ContainerPlan, ContainerFacts>,
  "read" | "write"
> {
  readonly store: ContainerStore;
}

/** Runs flows over the rows of containers, and changes them. */
export interface ContainerRows extends FlowRows<ContainerDeps, ContainerPlan, ContainerFacts> {
  readonly store: ContainerStore;
  readonly deps: ContainerDeps;
  /** Commits a change of the row. Gives the new record. */
  change(
    id: string,
    change: Partial<Pick<ContainerRecord, "state" | "problem" | "facts" | "runs">>,
    drop?: "problem",
  ): ContainerRecord;
  /** Commits a state with facts added to those known. Gives the new record. */
  become(id: string, state: ContainerRecord["state"], facts?: ContainerRecord["facts"]): ContainerRecord;
}

export function createContainerRows({ store, ...options }: ContainerRowsOptions): ContainerRows {
  const change: ContainerRows["change"] = (id, changes, drop) => {
    const { problem, ...rest } = store.get(id);
    const kept = drop === "problem" || problem === undefined ? {} : { problem };
    const record: ContainerRecord = { ...rest, ...kept, ...changes };
    store.replace(record);
    return record;
  };
  const rows = createFlowRows<ContainerDeps, ContainerPlan, ContainerFacts>({
    ...options,
    read: (id) => store.get(id),
    write: (id, changes) => void change(id, changes),
  });
  return {
    ...rows,
    store,
    deps: options.deps,
    change,
    become: (id, state, facts = {}) => change(id, { state, facts: { ...store.get(id).facts, ...facts } }, "problem"),
  };
}
