import { Code, StatusError } from "@crib/errdefs";

/** How one step went, in milliseconds since the start of its flow. */
export interface StepTiming {
  readonly step: string;
  readonly direction: "do" | "undo";
  readonly startMs: number;
  readonly endMs: number;
  readonly outcome: "done" | "failed" | "skipped";
  readonly error?: string;
}

/** One run of a flow over a pod. */
export interface FlowRun {
  readonly flow: string;
  readonly startedAt: string;
  /** Absent while it runs. */
  readonly durationMs?: number;
  readonly outcome?: "done" | "failed";
  readonly steps: readonly StepTiming[];
}

/** The runs in the verbose status of a pod. FailedPrecondition when the runtime that answered gives none, so is not crib. */
export function readTimings(info: Readonly<Record<string, string>>, pod: string): readonly FlowRun[] {
  const { timings } = JSON.parse(info["info"] ?? "{}") as { readonly timings?: unknown };
  if (Array.isArray(timings)) return timings as readonly FlowRun[];
  throw new StatusError(Code.FailedPrecondition, `tracing pod "${pod}": the runtime gives no timings; is it crib?`);
}
