import type { Faults } from "../flow/faults.ts";
import { createFlowRows, type FlowRows } from "../flow/flow-rows.ts";
import type { RunOptions } from "../flow/run-flow.ts";
import type { FlowRun } from "../flow/types.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import type { SandboxDeps } from "./steps/types.ts";
import type { SandboxFacts, SandboxPlan, SandboxRecord } from "./types.ts";

/** What running flows over rows needs. */
export interface SandboxRowsOptions {
  readonly store: SandboxStore;
  readonly deps: SandboxDeps;
  readonly faults: Faults;
  readonly budgets: RunOptions<SandboxDeps, SandboxPlan, SandboxFacts>["budgets"];
  readonly endStrays: (id: string) => Promise<void>;
  /** Told of each run of a flow when it has ended. */
  readonly observe?: ((run: FlowRun) => void) | undefined;
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
