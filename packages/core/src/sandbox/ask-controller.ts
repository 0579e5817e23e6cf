import { StatusError } from "@crib/errdefs";
import type { SandboxController, SandboxMetrics, TaskEndpoint } from "@crib/sandboxer";

import { Budget, waitFor } from "../flow/budget.ts";
import type { ControllerFacts, SandboxRecord } from "./types.ts";

/** Milliseconds that a controller has to answer whoever only wants to see: one that hangs must not make a list slow. */
const askMs = 1_000;

/** What is asked, and of whom. */
export interface Asked {
  readonly record: SandboxRecord;
  /** Absent: it is not configured any more. */
  readonly controller: SandboxController | undefined;
  /** Where the pod's tasks are served, if that is known without starting anything. */
  readonly endpoint?: TaskEndpoint | undefined;
}

/**
 * What a pod's controller says of it, within a second. What it does not answer is missing, and `problem` says why; fails only for `signal`.
 * Undefined for a pod that is not ready: controllers forget those.
 */
export async function askController(
  { record: { id, state, unreachable }, controller, endpoint }: Asked,
  signal: AbortSignal,
): Promise<ControllerFacts | undefined> {
  if (state !== "ready") return undefined;
  if (controller === undefined || unreachable !== undefined) {
    return { problem: unreachable?.reason ?? "its controller is not configured" };
  }
  using budget = new Budget("asking the controller", askMs, signal);
  const [status, platform] = await Promise.allSettled([
    ask(budget.signal, (limit) => controller.status(id, { verbose: true }, limit)),
    ask(budget.signal, (limit) => controller.platform(id, limit)),
  ]);
  signal.throwIfAborted();
  const failed = [status, platform].filter((answer) => answer.status === "rejected");
  const problem = [...new Set(failed.map(({ reason }) => StatusError.from(reason).message))].join("; ");
  return {
    ...(status.status === "fulfilled" && status.value),
    ...(platform.status === "fulfilled" && { platform: platform.value }),
    ...(endpoint !== undefined && { endpoint }),
    ...(problem !== "" && { problem }),
  };
}

/** What a pod's controller measures of it, within a second; undefined where it measures nothing, does not answer, or is not there. */
export async function measureByController(
  { record: { id, unreachable }, controller }: Asked,
  signal: AbortSignal,
): Promise<SandboxMetrics | undefined> {
  if (controller === undefined || unreachable !== undefined) return undefined;
  using budget = new Budget("asking the controller", askMs, signal);
  try {
    return await ask(budget.signal, (limit) => controller.metrics(id, limit));
  } catch {
    signal.throwIfAborted();
    // Asked again with each look at the figures. Until then they are missing, or the host's are shown; that the controller cannot be asked, and
    // why, is told by the pod's status.
    return undefined;
  }
}

/** A controller may throw at once, and need not heed the signal. */
async function ask<T>(signal: AbortSignal, question: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return await waitFor(question(signal), signal);
}
