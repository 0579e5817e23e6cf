import type { StatusError } from "@crib/errdefs";

/** What stands in the way of ending a flow; the row is kept and retried until it is gone. */
export interface FlowProblem {
  readonly flow: string;
  readonly step: string;
  readonly message: string;
  /** ISO 8601. */
  readonly since: string;
  readonly attempts: number;
}

/** The failure of a step as one, of which it is the next attempt where there was one `before`. */
export function flowProblem(
  { flow, step, error }: { readonly flow: string; readonly step: string; readonly error: StatusError },
  before: FlowProblem | undefined,
): FlowProblem {
  return {
    flow,
    step,
    message: error.message,
    since: before?.since ?? new Date().toISOString(),
    attempts: (before?.attempts ?? 0) + 1,
  };
}
