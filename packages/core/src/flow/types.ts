/** What a flow does with a row that it finds half-way after a restart of the daemon. */
export type Recover =
  /** Undo every step, then drop the row: the caller will ask again (RunPodSandbox, CreateContainer, PullImage). */
  | "undo"
  /** Run the flow forward again to its end (Stop and Remove calls). */
  | "finish"
  /** Ask what is true and commit that (StartContainer, Update calls). */
  | "settle";

/** How one step went, in milliseconds since the start of its flow. Kept with the row, shown by `crib trace`. */
export interface StepTiming {
  readonly step: string;
  readonly direction: "do" | "undo";
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: "done" | "failed" | "skipped";
  /** The error's message where the step failed. */
  readonly error?: string;
}

/** One run of a flow over a row. */
export interface FlowRun {
  readonly flow: string;
  readonly startedAt: string;
  /** Milliseconds; absent while it runs. */
  readonly durationMs?: number;
  readonly outcome?: "done" | "failed";
  readonly steps: readonly StepTiming[];
}

/** What a step is given. `Deps` are the collaborators, `Plan` what was decided before, `Facts` what steps learned. */
export interface StepContext<Deps, Plan, Facts> {
  readonly id: string;
  readonly deps: Deps;
  readonly plan: Plan;
  /** Any fact may be missing in `undo`: the daemon may have died before it was written. */
  readonly facts: Readonly<Partial<Facts>>;
  /** Aborted when a sibling failed, the flow was given up, or the step's budget is spent. Its reason says which. */
  readonly signal: AbortSignal;
  /**
   * Marks the place inside `do` at which half of the step's effects exist, for fault injection. Free when no fault is
   * configured; every `do` that changes the host calls it once.
   */
  readonly midpoint: () => Promise<void>;
}

/** One named step of a flow. */
export interface Step<Deps, Plan, Facts> {
  /** Unique in its flow; `noun.verb`. */
  readonly name: string;
  /** Names of steps that must have ended before this one starts, or a function of the plan that gives them. Default: none. */
  readonly after?: readonly string[] | ((plan: Plan) => readonly string[]);
  /** Whether the step applies to this plan. Default: always. Steps waiting for one that does not apply do not wait. */
  readonly when?: (plan: Plan) => boolean;
  /** Changes the host; the facts it returns are committed with the row when it ends. Must settle soon after `signal` is aborted. */
  readonly do: (context: StepContext<Deps, Plan, Facts>) => Promise<Partial<Facts> | void>;
  /**
   * Takes back everything `do` may have done, also half of it, also without any fact. Idempotent. Absent only where
   * `do` leaves nothing.
   */
  readonly undo?: (context: StepContext<Deps, Plan, Facts>) => Promise<void>;
  /** Milliseconds for `do`. Default 60,000. Configuration may override it by name. */
  readonly budgetMs?: number;
  /** Milliseconds for `undo`. Default 30,000. */
  readonly undoBudgetMs?: number;
}

/** A life-cycle as data. */
export interface Flow<Deps, Plan, Facts> {
  readonly name: string;
  readonly recover: Recover;
  readonly steps: readonly Step<Deps, Plan, Facts>[];
}
