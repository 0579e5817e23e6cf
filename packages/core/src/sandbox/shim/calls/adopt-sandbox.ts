import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";

import { Budget } from "../../../flow/budget.ts";
import { toKernelIdentity } from "../../../tasks/index.ts";
import type { SandboxClient } from "../client/sandbox-client.ts";
import type { PodShims } from "../pod-shims.ts";
import type { ShimPod } from "../shim-pod.ts";
import type { ShimControllerBudgets } from "../types.ts";
import { settleByStatus } from "./watch-sandbox.ts";

/** Milliseconds for a shim of an earlier daemon to answer: all pods of a start together have five seconds. */
const adoptMs = 4_000;

/** Milliseconds for a shim to notice the end of a process. */
const noticeMs = 1_000;

/**
 * Finds the shim of a pod that an earlier daemon started, and asks whether it lives and its sandbox runs; one that has ended settles
 * `pod.exit`. NotFound when there is no shim any more, DeadlineExceeded when it hangs.
 */
export async function adoptSandbox(
  shims: PodShims,
  budgets: ShimControllerBudgets,
  pod: ShimPod,
  signal: AbortSignal,
): Promise<void> {
  const { id, exit } = pod;
  using budget = new Budget(`adopting sandbox "${id}"`, Math.min(adoptMs, budgets.other), signal);
  await shims.reopen(pod, budget.signal);
  if (pod.link === undefined) throw new StatusError(Code.NotFound, `adopting sandbox "${id}": it has no shim`);
  const client = await shims.client(pod, budget.signal);
  await ping(client, id, budget.signal);
  const asked = { id, exit, statusMs: budgets.other };
  if (!(await settleByStatus(asked, client, undefined, budget.signal)) && hasEnded(pod)) {
    // Its process has just ended, and the shim has yet to notice.
    const end = client.call("waitSandbox", { sandboxId: id }, { signal: budget.signal, timeoutMs: noticeMs });
    const answer = await end.catch(() => undefined); // the status tells, whatever became of the wait
    await settleByStatus(asked, client, answer, budget.signal);
  }
  budget.signal.throwIfAborted();
}

function hasEnded({ process }: ShimPod): boolean {
  return process !== undefined && !isProcessAlive(toKernelIdentity(process));
}

/** Any answer is one of a shim that lives. */
async function ping(client: SandboxClient, id: string, signal: AbortSignal): Promise<void> {
  try {
    await client.call("pingSandbox", { sandboxId: id }, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (hasCode(error, Code.Unavailable)) throw error;
  }
}
