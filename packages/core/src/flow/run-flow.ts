import { StatusError } from "@crib/errdefs";

import { Budget } from "./budget.ts";
import type { Faults } from "./faults.ts";
import { type Node, resolveGraph } from "./graph.ts";
import type { Flow, Step, StepContext, StepTiming } from "./types.ts";

/** What a run of a flow is given besides the flow itself. */
export interface RunOptions<Deps, Plan, Facts> {
  readonly id: string;
  readonly deps: Deps;
  readonly plan: Plan;
  /** Facts known so far; extended in place by what steps learn, so that later steps and undo see them. */
  readonly facts: Partial<Facts>;
  /** Commits facts together with the row; called right after a step learned them, before anything waits for the step. */
  readonly commit: (facts: Partial<Facts>) => void;
  /** Told of each step when it has ended. */
  readonly timed: (timing: StepTiming) => void;
  readonly faults: Faults;
  /** Budgets in milliseconds by step name, over those of the flow. */
  readonly budgets: { readonly do: Readonly<Record<string, number>>; readonly undo: Readonly<Record<string, number>> };
  /** Ends every process started for the row, so that a step that ignores its signal can be undone. */
  readonly endStrays: (id: string) => Promise<void>;
}

/** Milliseconds a step has to settle after its signal was aborted, before its processes are ended. */
const settleMs = 5_000;

/**
 * A flow that failed: its first error, and the steps whose `do` was begun, for the undo. Nothing of it runs any more.
 */
export class FlowFailure extends Error {
  readonly step: string;
  readonly error: StatusError;
  readonly begun: ReadonlySet<string>;

  constructor(step: string, error: StatusError, begun: ReadonlySet<string>) {
    super(error.message, { cause: error });
    this.step = step;
    this.error = error;
    this.begun = begun;
  }
}

/**
 * Runs the steps of a flow, independent ones at the same time. Rejects with a FlowFailure after the first failure, once
 * every step that had begun has settled. Undoes nothing itself.
 */
export async function runFlow<Deps, Plan, Facts>(
  flow: Flow<Deps, Plan, Facts>,
  options: RunOptions<Deps, Plan, Facts>,
  signal: AbortSignal,
): Promise<void> {
  const siblings = new AbortController();
  const follow = (): void => siblings.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener("abort", follow, { once: true });
  const origin = performance.now();
  const begun = new Set<string>();
  const ended = new Map<string, Promise<void>>();
  let failure: { readonly step: string; readonly error: StatusError } | undefined;

  const runNode = async (node: Node<Deps, Plan, Facts>): Promise<void> => {
    await Promise.all(node.after.map((name) => ended.get(name) ?? Promise.resolve()));
    if (siblings.signal.aborted) {
      failure ??= { step: node.step.name, error: StatusError.from(siblings.signal.reason, flow.name) };
      return;
    }
    begun.add(node.step.name);
    try {
      await runStep(flow, node.step, "do", options, siblings.signal, origin);
    } catch (reason) {
      failure ??= { step: node.step.name, error: StatusError.from(reason) };
      siblings.abort(failure.error);
    }
  };
  // The graph names predecessors only, so promises are made on first need in any order of the nodes.
  const nodes = new Map(resolveGraph(flow, options.plan).map((node) => [node.step.name, node]));
  const start = (name: string): Promise<void> => {
    const known = ended.get(name);
    if (known) return known;
    const node = nodes.get(name);
    if (!node) return Promise.resolve();
    for (const other of node.after) void start(other);
    const promise = runNode(node);
    ended.set(name, promise);
    return promise;
  };
  await Promise.all([...nodes.keys()].map(start));
  signal.removeEventListener("abort", follow);
  if (failure) throw new FlowFailure(failure.step, failure.error, begun);
}

/** A step whose undo did not succeed, or was not tried because that of a step it depends on failed. */
export interface UndoFailure {
  readonly step: string;
  readonly error: StatusError;
}

/**
 * Undoes steps of a flow, those first that others do not stand on, independent ones at the same time. A failed undo
 * blocks only the undos of what its step stood on. Never rejects; gives what failed, in no particular order.
 */
export async function undoFlow<Deps, Plan, Facts>(
  flow: Flow<Deps, Plan, Facts>,
  options: RunOptions<Deps, Plan, Facts>,
  begun?: ReadonlySet<string>,
): Promise<readonly UndoFailure[]> {
  const nodes = resolveGraph(flow, options.plan).filter((node) => begun?.has(node.step.name) ?? true);
  const origin = performance.now();
  const failures: UndoFailure[] = [];
  const ended = new Map<string, Promise<boolean>>();

  const undoNode = async (node: Node<Deps, Plan, Facts>): Promise<boolean> => {
    const dependents = nodes.filter((other) => other.after.includes(node.step.name));
    const clear = await Promise.all(dependents.map((other) => start(other)));
    if (clear.includes(false)) return false;
    if (!node.step.undo) return true;
    try {
      await runStep(flow, node.step, "undo", options, undefined, origin);
      return true;
    } catch (reason) {
      failures.push({ step: node.step.name, error: StatusError.from(reason) });
      return false;
    }
  };
  const start = (node: Node<Deps, Plan, Facts>): Promise<boolean> => {
    const known = ended.get(node.step.name);
    if (known) return known;
    const promise = Promise.resolve().then(() => undoNode(node));
    ended.set(node.step.name, promise);
    return promise;
  };
  await Promise.all(nodes.map(start));
  return failures;
}

async function runStep<Deps, Plan, Facts>(
  flow: Flow<Deps, Plan, Facts>,
  step: Step<Deps, Plan, Facts>,
  direction: "do" | "undo",
  options: RunOptions<Deps, Plan, Facts>,
  parent: AbortSignal | undefined,
  origin: number,
): Promise<void> {
  const place = `${flow.name}/${step.name}${direction === "undo" ? "!undo" : ""}`;
  const budgetMs =
    direction === "do"
      ? (options.budgets.do[step.name] ?? step.budgetMs ?? 60_000)
      : (options.budgets.undo[step.name] ?? step.undoBudgetMs ?? 30_000);
  using budget = new Budget(`step "${step.name}" of ${flow.name}`, budgetMs, parent);
  const startMs = performance.now() - origin;
  const timing = (outcome: StepTiming["outcome"], error?: string): void =>
    options.timed({
      step: step.name,
      direction,
      startMs: round(startMs),
      endMs: round(performance.now() - origin),
      outcome,
      ...(error === undefined ? {} : { error }),
    });
  try {
    await settle(perform(place, step, direction, options, budget.signal), budget.signal, () =>
      options.endStrays(options.id),
    );
    timing("done");
  } catch (reason) {
    const error = StatusError.from(budget.signal.aborted && isAbort(reason) ? budget.signal.reason : reason);
    timing("failed", error.message);
    throw error;
  }
}

async function perform<Deps, Plan, Facts>(
  place: string,
  step: Step<Deps, Plan, Facts>,
  direction: "do" | "undo",
  options: RunOptions<Deps, Plan, Facts>,
  signal: AbortSignal,
): Promise<void> {
  const { faults, id, deps, plan, facts } = options;
  const midpoint = (): Promise<void> => faults.strike(place, "inside", signal);
  const context: StepContext<Deps, Plan, Facts> = { id, deps, plan, facts, signal, midpoint };
  await faults.strike(place, "before", signal);
  if (direction === "undo") {
    await step.undo?.(context);
  } else {
    const learned = await step.do(context);
    if (learned) {
      Object.assign(facts, learned);
      options.commit(learned);
    }
  }
  await faults.strike(place, "after", signal);
}

/**
 * Waits for the work itself, not only for its signal: nothing may be undone under a step that still runs. Work that
 * goes on after its signal was aborted loses its processes, then is waited for once more, then given up with the reason.
 */
async function settle(work: Promise<void>, signal: AbortSignal, endStrays: () => Promise<void>): Promise<void> {
  let settled = false;
  const watched = work.finally(() => (settled = true));
  watched.catch(() => {}); // seen below, or given up
  await Promise.race([watched.catch(() => {}), aborted(signal)]);
  if (!settled) await Promise.race([watched.catch(() => {}), delay(settleMs)]);
  if (!settled) {
    await endStrays();
    await Promise.race([watched.catch(() => {}), delay(settleMs)]);
  }
  if (!settled) throw signal.reason;
  await watched;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function isAbort(reason: unknown): boolean {
  return reason instanceof Error && (reason.name === "AbortError" || reason.name === "TimeoutError");
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
