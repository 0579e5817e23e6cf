import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { waitProcessGone } from "@crib/linux";
import type { ProcessIdentity } from "@crib/sandboxer";

import { Budget } from "../../../flow/budget.ts";
import { toKernelIdentity } from "../../../tasks/index.ts";
import type { PodExit } from "../../podsandbox/pod-exit.ts";
import type { SandboxClient } from "../client/sandbox-client.ts";
import type { ShimLink } from "../client/shim-link.ts";
import type { ShimControllerBudgets } from "../types.ts";
import { settleByStatus } from "./watch-sandbox.ts";

const firstPauseMs = 20;
const slowestPauseMs = 500;

/** A sandbox that is to be ended through its shim. */
export interface SandboxEnd {
  readonly id: string;
  readonly link: ShimLink;
  readonly exit: PodExit;
  readonly budgets: ShimControllerBudgets;
}

/**
 * Has the shim stop the sandbox, and settles when `exit` is known: by the watch, or by the status that is asked for meanwhile, whatever
 * WaitSandbox does. Rejects where the shim is gone, refuses, hangs, or says "ready" for ever; DeadlineExceeded after grace and budget.
 */
export async function stopSandbox(
  { id, link, exit, budgets }: SandboxEnd,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const limitMs = graceMs + budgets.stop;
  using budget = new Budget(`stopping sandbox "${id}"`, limitMs, signal);
  const client = await link.open(budget.signal);
  const request = { sandboxId: id, timeoutSecs: Math.ceil(graceMs / 1_000) };
  try {
    await client.call("stopSandbox", request, { signal: budget.signal, timeoutMs: limitMs });
  } catch (error) {
    if (!hasCode(error, Code.NotFound)) throw error; // it has ended and is forgotten
  }
  const watch = { id, exit, statusMs: budgets.other };
  for (let pauseMs = firstPauseMs; exit.status === undefined; pauseMs = Math.min(pauseMs * 2, slowestPauseMs)) {
    if (await settleByStatus(watch, client, undefined, budget.signal)) return;
    budget.signal.throwIfAborted();
    await Promise.race([exit.wait(budget.signal), delay(pauseMs, undefined, { signal: budget.signal })]);
  }
}

/**
 * Has the shim free everything and end. True when it is known to have done so; false when it cannot be asked, nobody listens or it is still
 * at work on what was given up, and when its answer is lost.
 */
export async function shutdownSandbox(
  { id, link, budgets }: Omit<SandboxEnd, "exit">,
  server: ProcessIdentity | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (link.hasAbandoned) return false;
  let client: SandboxClient;
  try {
    client = await link.open(signal);
  } catch (error) {
    if (hasCode(error, Code.NotFound)) return false;
    throw error;
  }
  const doing = `ending the shim of sandbox "${id}"`;
  try {
    await client.call("shutdownSandbox", { sandboxId: id }, { signal, timeoutMs: budgets.shutdown });
  } catch (error) {
    // One that has no such sandbox has nothing to free. One whose connection is lost may have died before it freed anything.
    if (hasCode(error, Code.Unavailable)) return false;
    if (!hasCode(error, Code.NotFound)) throw error;
  }
  if (server !== undefined) {
    await waitProcessGone(toKernelIdentity(server), { timeoutMs: budgets.shutdown, signal });
    return true;
  }
  using budget = new Budget(doing, budgets.shutdown, signal);
  const { promise, reject } = Promise.withResolvers<never>();
  budget.signal.addEventListener("abort", () => reject(StatusError.from(budget.signal.reason, doing)), { once: true });
  await Promise.race([client.closed, promise]);
  return true;
}
