import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import type { ExitStatus } from "@crib/sandboxer";

import { type TaskLog, toKernelIdentity } from "../../tasks/index.ts";
import { dateOf, type Reported } from "./answers.ts";
import type { Limit } from "./limit.ts";
import type { ProxiedPod } from "./proxied-pod.ts";
import type { StatusOptions } from "./sandboxer-calls.ts";
import type { SandboxerLink } from "./sandboxer-link.ts";

/** Exit code of a boundary of which nobody can tell how it ended. */
export const unknownExitCode = 255;

/** Milliseconds that a Wait of what has ended may take to say how. */
const lateMs = 1_000;
/** A Wait that is answered sooner than that is armed again more and more slowly, from the first pause to the last, in milliseconds. */
const soonMs = 1_000;
const firstPauseMs = 50;
const lastPauseMs = 4_000;

/** What watching a sandbox needs. */
export interface PodWatch {
  readonly link: SandboxerLink;
  readonly pod: ProxiedPod;
  /** Its status by the sandboxer; undefined where that does not know it. */
  readonly ask: (signal: AbortSignal, options?: StatusOptions) => Promise<Reported | undefined>;
  /** How many are asked at a time when their sandboxer is back. */
  readonly asks: Limit;
  readonly log: TaskLog;
}

/**
 * Holds a Wait for a running sandbox until it has ended. What Wait says is believed when Status says so too; while neither can be
 * asked, the sandbox is pending, for however long. `isRunning` says that Status need not be asked first. Never rejects.
 */
export async function watchPod(watch: PodWatch, isRunning: boolean): Promise<void> {
  const { pod } = watch;
  const { signal } = pod.leaving;
  try {
    let heard: ExitStatus | undefined;
    let pauses = 0;
    for (let asks = !isRunning; pod.exit.status === undefined; asks = true) {
      await awaitReturn(watch);
      if (asks) {
        const learned = await learn(watch, heard);
        if (learned === "ended") return;
        // Where it was neither lost nor held, it would be asked as fast as it answers.
        if (learned === "untold" || pauses > 0) await pause(pauses, signal);
        if (learned === "untold") {
          pauses += 1;
          continue;
        }
      }
      const began = performance.now();
      heard = await hear(watch);
      pauses = performance.now() - began < soonMs && watch.link.loss === undefined ? pauses + 1 : 0;
    }
  } catch (reason) {
    if (signal.aborted) return;
    watch.log("error", "sandbox is not watched any more", { sandboxId: pod.id, error: (reason as Error).message });
  }
}

/**
 * Ends what has ended by all that is known: `said` is the sandboxer's status of it, undefined where it does not know it; `heard` what
 * Wait has said. Asks Wait once more for how it ended, where that is not known.
 */
export async function settlePod(
  watch: PodWatch,
  said: Reported | undefined,
  heard: ExitStatus | undefined,
): Promise<void> {
  const { link, pod, log } = watch;
  const late = heard ?? (said && (await hear(watch, lateMs)));
  if (pod.exit.status !== undefined) return;
  pod.untold = undefined;
  if (late) return pod.exit.settle(late.exitCode, late.exitedAt);
  if (said) return pod.exit.settle(unknownExitCode, said.exitedAt);
  log("warn", "sandbox is unknown to its sandboxer", { sandboxId: pod.id, sandboxer: link.name });
  pod.exit.settle(unknownExitCode, undefined, `sandboxer "${link.name}" does not know it any more`);
}

async function awaitReturn({ link, pod }: PodWatch): Promise<void> {
  const { loss } = link;
  if (!loss) return;
  pod.untold ??= { since: loss.since, reason: loss.reason };
  await link.whenUp(pod.leaving.signal);
}

/** Asks how it fares. `untold`: nobody could tell. */
async function learn(watch: PodWatch, heard: ExitStatus | undefined): Promise<"running" | "ended" | "untold"> {
  const { pod, link, log } = watch;
  const { signal } = pod.leaving;
  try {
    const said = await watch.asks.run(() => watch.ask(signal));
    if (pod.exit.status !== undefined) return "ended";
    if (!isRunning(pod, said)) {
      await settlePod(watch, said, heard);
      return "ended";
    }
    if (pod.untold) log("info", "sandbox is told of again", { sandboxId: pod.id, sandboxer: link.name });
    pod.untold = undefined;
    return "running";
  } catch (reason) {
    if (signal.aborted) throw reason;
    const { message } = StatusError.from(reason);
    if (!pod.untold) log("warn", "sandbox is pending", { sandboxId: pod.id, sandboxer: link.name, error: message });
    pod.untold ??= { since: new Date(), reason: message };
    return "untold";
  }
}

/** What Wait says; undefined where it fails, whatever for: Status is asked then. */
async function hear({ link, pod }: PodWatch, timeoutMs?: number): Promise<ExitStatus | undefined> {
  try {
    const { exitStatus, exitedAt } = await link.wait(pod.id, pod.leaving.signal, timeoutMs);
    return { exitCode: exitStatus, exitedAt: dateOf(exitedAt) ?? new Date() };
  } catch (reason) {
    if (pod.leaving.signal.aborted && !hasCode(reason, Code.NotFound)) throw reason;
    return undefined;
  }
}

/** Whether a sandbox runs by what its sandboxer says. What that has not noticed yet, crib may see for itself: that its process has gone. */
export function isRunning({ state }: ProxiedPod, said: Reported | undefined): said is Reported {
  if (said?.running !== true) return false;
  if (state.kind !== "ready" || !state.hasOwnProcess || state.process === undefined) return true;
  const isOfOther = said.pid > 0 && said.pid !== state.process.pid;
  return isOfOther || isProcessAlive(toKernelIdentity(state.process));
}

async function pause(pauses: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(lastPauseMs, firstPauseMs * 2 ** Math.min(pauses, 10));
  await delay(ms, undefined, { ref: false, signal });
}
