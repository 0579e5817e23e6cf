import { StatusError } from "@crib/errdefs";

import { FlowFailure, runFlow, type RunOptions, undoFlow, type UndoFailure } from "./run-flow.ts";
import type { Flow, FlowRun, StepTiming } from "./types.ts";

/** What a flow reads of the row that it is run over. */
export interface FlowRow<Plan, Facts> {
  readonly plan: Plan;
  readonly facts: Partial<Facts>;
  /** The last run of each flow over the row. */
  readonly runs: readonly FlowRun[];
}

/** Where rows are, and what running flows over them needs. */
export interface FlowRowsOptions<Deps, Plan, Facts> extends Pick<
  RunOptions<Deps, Plan, Facts>,
  "deps" | "faults" | "budgets" | "endStrays"
> {
  /** Throws NotFound when there is none. */
  readonly read: (id: string) => FlowRow<Plan, Facts>;
  /** Commits a change of the row. */
  readonly write: (id: string, change: Partial<Pick<FlowRow<Plan, Facts>, "facts" | "runs">>) => void;
  /** Told of each run when it has ended. */
  readonly observe?: ((run: FlowRun) => void) | undefined;
}

/** Runs flows over rows of a store: facts are committed as steps learn them, timings with the run's end. */
export interface FlowRows<Deps, Plan, Facts> {
  /** Rejects with a FlowFailure. */
  forward(flow: Flow<Deps, Plan, Facts>, id: string, signal: AbortSignal): Promise<void>;
  /** Undoes the steps begun, or all of them when that is not known. Gives what failed. */
  backward(flow: Flow<Deps, Plan, Facts>, id: string, begun?: ReadonlySet<string>): Promise<readonly UndoFailure[]>;
}

export function createFlowRows<Deps, Plan, Facts>(
  rows: FlowRowsOptions<Deps, Plan, Facts>,
): FlowRows<Deps, Plan, Facts> {
  const begin = (
    flow: string,
    id: string,
  ): { readonly options: RunOptions<Deps, Plan, Facts>; readonly end: (failed: boolean) => void } => {
    const { plan, facts } = rows.read(id);
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
      rows.write(id, { runs: [...rows.read(id).runs.filter((old) => old.flow !== flow), run] });
      rows.observe?.(run);
    };
    const options: RunOptions<Deps, Plan, Facts> = {
      id,
      deps: rows.deps,
      plan,
      facts: { ...facts },
      commit: (learned) => rows.write(id, { facts: { ...rows.read(id).facts, ...learned } }),
      timed: (timing) => {
        steps.push(timing);
      },
      faults: rows.faults,
      budgets: rows.budgets,
      endStrays: rows.endStrays,
    };
    return { options, end };
  };

  return {
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
async function undoWithoutHelpers<Deps, Plan, Facts>(
  flow: Flow<Deps, Plan, Facts>,
  options: RunOptions<Deps, Plan, Facts>,
  begun: ReadonlySet<string> | undefined,
): Promise<readonly UndoFailure[]> {
  try {
    await options.endStrays(options.id);
  } catch (reason) {
    return [{ step: "helpers.end", error: StatusError.from(reason) }];
  }
  return undoFlow(flow, options, begun);
}
