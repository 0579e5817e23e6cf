import { constants } from "node:os";

import { Code, hasCode, StatusError } from "@crib/errdefs";

import { killedEnd } from "../exits/task-end.ts";
import type { ContainerFacts } from "../types.ts";
import { whyUnreachable } from "../why-unreachable.ts";
import { killProcesses } from "./kill-processes.ts";
import type { ContainerStepContext } from "./types.ts";

/** What a shim has for a signal, and for telling of a kill: one that hangs must not hold up the end. */
const usualTimes = { killMs: 3_000, toldMs: 2_000 };

/** Asks the process to end, once, unless there is no time for that, or nobody to ask. */
export async function sendStopSignal(context: ContainerStepContext): Promise<Partial<ContainerFacts> | void> {
  const { id, facts, deps, midpoint } = context;
  await midpoint();
  if (isQuarantined(context)) return;
  if (facts.stopSignalSent === true || deps.clocks.isOver(id) || deps.exits.end(id)) return;
  try {
    await sendSignal(context, signalNumber(facts.stopSignal ?? "SIGTERM"), false);
  } catch (reason) {
    // The time runs on, and at its end comes what needs no shim.
    deps.log.warn({ containerId: id, error: StatusError.from(reason).message }, "stop signal was not delivered");
    return;
  }
  return { stopSignalSent: true };
}

/** Waits for the end as long as there is time, where it would be told. */
export async function awaitExit(context: ContainerStepContext): Promise<void> {
  const { id, deps, midpoint } = context;
  await midpoint();
  if (isQuarantined(context)) return;
  await deps.clocks.before(id, deps.exits.wait(id));
}

/** Ends what still runs: by the shim, and if that does not do it in time by the kernel. */
export async function kill(context: ContainerStepContext): Promise<void> {
  const { id, plan, deps, midpoint } = context;
  await midpoint();
  if (deps.exits.end(id)) return;
  if (!isQuarantined(context) && (await isKilledByShim(context))) return;
  await killProcesses(plan);
  if (await isTold(context)) return;
  // The kernel says that nothing of it runs any more, whatever the shim does.
  deps.exits.settle(id, killedEnd());
}

function isQuarantined({ plan, deps }: ContainerStepContext): boolean {
  return whyUnreachable(plan, deps) !== undefined;
}

async function isKilledByShim(context: ContainerStepContext): Promise<boolean> {
  try {
    await sendSignal(context, constants.signals.SIGKILL, true);
    return await isTold(context);
  } catch (reason) {
    context.deps.log.warn({ containerId: context.id, error: StatusError.from(reason).message }, "shim does not kill");
    return false;
  }
}

async function isTold({ id, deps }: ContainerStepContext): Promise<boolean> {
  if (!deps.exits.isArmed(id)) return false;
  let timer: NodeJS.Timeout | undefined;
  const { toldMs } = deps.stopTimes ?? usualTimes;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, toldMs, false)));
  const told = await Promise.race([deps.exits.wait(id).then(() => true), late]);
  clearTimeout(timer);
  return told;
}

/** A process that is not there any more got what it should. */
async function sendSignal(
  { id, plan, deps, signal }: ContainerStepContext,
  number: number,
  all: boolean,
): Promise<void> {
  const { killMs } = deps.stopTimes ?? usualTimes;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(killMs)]);
  try {
    const { tasks } = await deps.services.of(plan.sandboxId, limit);
    await tasks.kill({ id, signal: number, all }, limit, { timeoutMs: killMs });
  } catch (reason) {
    if (!hasCode(reason, Code.NotFound)) throw reason;
  }
}

/** Number of a signal by its name, `SIGRTMIN+3` included; SIGTERM for what the kernel does not know. */
function signalNumber(name: string): number {
  const realTime = /^SIGRTMIN(?:\+(\d{1,2}))?$/.exec(name) ?? undefined;
  // Counted as C libraries do: the kernel's first two are their own.
  if (realTime) return 34 + Number(realTime[1] ?? 0);
  const fromEnd = /^SIGRTMAX(?:-(\d{1,2}))?$/.exec(name) ?? undefined;
  if (fromEnd) return 64 - Number(fromEnd[1] ?? 0);
  return constants.signals[name as keyof typeof constants.signals] ?? constants.signals.SIGTERM;
}
