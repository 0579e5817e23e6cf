import { createFlowRows, type FlowRows, type FlowRowsOptions } from "../flow/flow-rows.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import type { SandboxDeps } from "./steps/types.ts";
import type { SandboxFacts, SandboxPlan, SandboxRecord } from "./types.ts";

/** What running flows over rows needs. */
export interface SandboxRowsOptions extends Omit<
  FlowRowsOptions<SandboxDeps, SandboxPlan, SandboxFacts>,
  "read" | "write"
> {
  readonly store: SandboxStore;
}

/** Runs flows over the rows of pod sandboxes, and changes them. */
export interface SandboxRows extends FlowRows<SandboxDeps, SandboxPlan, SandboxFacts> {
  /** Commits a change of the row. Gives the new record. */
  change(
    id: string,
    change: Partial<Pick<SandboxRecord, "state" | "problem" | "unreachable" | "facts" | "runs">>,
    drop?: "problem" | "unreachable",
  ): SandboxRecord;
}

export function createSandboxRows({ store, ...options }: SandboxRowsOptions): SandboxRows {
  const change: SandboxRows["change"] = (id, changes, drop) => {
    const { problem, unreachable, ...rest } = store.get(id);
    const isReady = (changes.state ?? rest.state) === "ready";
    const record: SandboxRecord = {
      ...rest,
      ...(problem && drop !== "problem" && { problem }),
      ...(unreachable && isReady && drop !== "unreachable" && { unreachable }),
      ...changes,
    };
    store.replace(record);
    return record;
  };
  const rows = createFlowRows<SandboxDeps, SandboxPlan, SandboxFacts>({
    ...options,
    read: (id) => store.get(id),
    write: (id, changes) => void change(id, changes),
  });
  return { ...rows, change };
}
