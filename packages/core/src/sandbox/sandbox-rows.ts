import { StatusError } from "@crib/errdefs";

import type { Faults } from "../flow/faults.ts";
import { FlowFailure, runFlow, type RunOptions, undoFlow, type UndoFailure } from "../flow/run-flow.ts";
import type { FlowRun, StepTiming } from "../flow/types.ts";
import type { SandboxStore } from "../metadata/sandbox-store.ts";
import type { SandboxFlow } from "./flows.ts";
import type { SandboxDeps } from "./steps/types.ts";
import type { SandboxFacts, SandboxPlan, SandboxRecord } from "./types.ts";

/** What running flows over rows needs. */
export interface SandboxRowsOptions {
  readonly store: SandboxStore;
  readonly deps: SandboxDeps;
  readonly faults: Faults;
  readonly budgets: RunOptions<SandboxDeps, SandboxPlan, SandboxFacts>["budgets"];
  readonly endStrays: (id: string) => Promise<void>;
}

/** Runs flows over rows of the store: facts are committed as steps learn them, timings with the run's end. */
export interface SandboxRows {
  /** Rejects with a FlowFailure. */
  forward(flow: SandboxFlow, id: string, signal: AbortSignal): Promise<void>;
  /** Undoes the steps begun, or all of them when that is not known. Gives what failed. */
  backward(flow: SandboxFlow, id: string, begun?: ReadonlySet<string>): Promise<readonly UndoFailure[]>;
  /** Commits a change of the row. Gives the new record. */
  change(
    id: string,
    change: Partial<Pick<SandboxRecord, "state" | "problem" | "facts" | "runs">>,
    drop?: "problem",
  ): SandboxRecord;
}

export function createSandboxRows({ store, deps, faults, budgets, endStrays }: SandboxRowsOptions): SandboxRows {
  const change: SandboxRows["change"] = (id, changes, drop) => {
    const { problem, ...rest } = store.get(id);
    const kept = drop === "problem" || problem === undefined ? {} : { problem };
    const record: SandboxRecord = { ...rest, ...kept, ...changes };
    store.replace(record);
    return record;
  };

  const begin = (
    flow: string,
    id: string,
  ): {
    readonly options: Omit<RunOptions<SandboxDeps, SandboxPlan, SandboxFacts>, never>;
    readonly end: (failed: boolean) => void;
  } => {
    const record = store.get(id);
    const steps: StepTiming[] = [];
    const startedAt = new Date().toISOString();
    const origin = performance.now();
    const end = (failed: boolean): void => {
      const run: FlowRun = {
        flow,
        startedAt,
        durationMs: Math.round((performance.now() - origin) * 100) / 100,
        outcome: failed ? "failed" : "done",
        steps,
      };
      change(id, { runs: [...store.get(id).runs.filter((old) => old.flow !== flow), run] });
    };
    const options = {
      id,
      deps,
      plan: record.plan,
      facts: { ...record.facts },
      commit: (learned: Partial<SandboxFacts>): void => {
        change(id, { facts: { ...store.get(id).facts, ...learned } });
      },
      timed: (timing: StepTiming): void => {
        steps.push(timing);
      },
      faults,
      budgets,
      endStrays,
    };
    return { options, end };
  };

  return {
    change,
    async forward(flow, id, signal): Promise<void> {
      const { options, end } = begin(flow.name, id);
      try {
        await runFlow(flow, options, signal);
      } catch (reason) {
        end(true);
        throw reason instanceof FlowFailure ? reason : new FlowFailure(flow.name, StatusError.from(reason), new Set());
      }
      end(false);
    },
    async backward(flow, id, begun): Promise<readonly UndoFailure[]> {
      const { options, end } = begin(`undo ${flow.name}`, id);
      const failures = await undoWithoutHelpers(flow, options, begun);
      end(failures.length > 0);
      return failures;
    },
  };
}

/**
 * A plugin that failed may have left a child in a session of its own, which its process group does not tell of; what is
 * undone must not be made again behind it.
 */
async function undoWithoutHelpers(
  flow: SandboxFlow,
  options: RunOptions<SandboxDeps, SandboxPlan, SandboxFacts>,
  begun: ReadonlySet<string> | undefined,
): Promise<readonly UndoFailure[]> {
  try {
    await options.endStrays(options.id);
  } catch (reason) {
    return [{ step: "helpers.end", error: StatusError.from(reason) }];
  }
  return undoFlow(flow, options, begun);
}
