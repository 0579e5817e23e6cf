import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import type { ProcessIdentity } from "@crib/sandboxer";
import type { WaitSandboxResponse } from "@crib/wire/sandbox";

import { toKernelIdentity } from "../../../tasks/index.ts";
import type { PodExit } from "../../podsandbox/pod-exit.ts";
import { dateOf } from "../../proxy/answers.ts";
import type { SandboxClient } from "../client/sandbox-client.ts";
import type { ShimLink } from "../client/shim-link.ts";
import { saidState } from "./sandbox-state.ts";

/** Exit code of a sandbox whose end nobody saw, as containerd reports it. */
export const unknownExitCode = 255;

/** Milliseconds between questions to a shim whose WaitSandbox does not wait, first and at most. */
const firstPauseMs = 50;
const slowestPauseMs = 2_000;

/** What is watched, and what to do when it ends. */
export interface SandboxWatch {
  readonly id: string;
  readonly link: ShimLink;
  readonly exit: PodExit;
  /** The process of the shim, where it is known. */
  readonly server: () => ProcessIdentity | undefined;
  /** Milliseconds for SandboxStatus. */
  readonly statusMs: number;
  /** Ends everything of the pod that can still run; called when the shim has died. Never rejects. */
  readonly endOrphans: () => Promise<void>;
}

/**
 * Settles `exit` when the sandbox ends or its shim dies. Neither a lost connection nor an answer of WaitSandbox is an end by itself: the
 * shim is dialled again, and asked for the status, until it is sure. Returns when there is nothing left to watch, at the latest on abort;
 * never rejects.
 */
export async function watchSandbox(watch: SandboxWatch, signal: AbortSignal): Promise<void> {
  const { link, exit } = watch;
  let pauseMs = firstPauseMs;
  while (!signal.aborted && exit.status === undefined) {
    let client: SandboxClient;
    try {
      client = await link.open(signal);
    } catch (error) {
      // The daemon is closing its connections: the pod goes on without it.
      if (hasCode(error, Code.Canceled)) return;
      if (hasCode(error, Code.NotFound) || isServerGone(watch)) return await settleDeath(watch);
      await pauseFor((pauseMs = slower(pauseMs)), signal);
      continue;
    }
    const asked = performance.now();
    await waitOnce(watch, client, signal);
    // One that waited is a good one, and is asked again at once.
    pauseMs = performance.now() - asked > slowestPauseMs ? firstPauseMs : pauseMs;
    if (signal.aborted || exit.status !== undefined) return;
    await pauseFor(pauseMs, signal);
    pauseMs = slower(pauseMs);
  }
}

/** Asks for the status and settles `exit` when the shim says that it is over. True when it was settled. */
export async function settleByStatus(
  watch: Pick<SandboxWatch, "id" | "exit" | "statusMs">,
  client: SandboxClient,
  answer: WaitSandboxResponse | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { id, exit, statusMs } = watch;
  const waitedUntil = dateOf(answer?.exitedAt);
  // An answer of nothing but zeros says nothing: it comes from a Wait that does not wait.
  const isTold = answer !== undefined && (answer.exitStatus !== 0 || waitedUntil !== undefined);
  const exitCode = isTold ? answer.exitStatus : unknownExitCode;
  try {
    const status = await client.call("sandboxStatus", { sandboxId: id }, { signal, timeoutMs: statusMs });
    const said = saidState(status);
    if (said === "running" || (said === "unclear" && waitedUntil === undefined)) return false;
    exit.settle(exitCode, waitedUntil ?? dateOf(status.exitedAt));
    return true;
  } catch (error) {
    // The shim lives and knows no such sandbox; or it has no status, and its Wait must be believed.
    const isUnknown = hasCode(error, Code.NotFound);
    if (!isUnknown && !(hasCode(error, Code.Unimplemented) && waitedUntil !== undefined)) return false;
    exit.settle(exitCode, waitedUntil);
    return true;
  }
}

async function waitOnce(watch: SandboxWatch, client: SandboxClient, signal: AbortSignal): Promise<void> {
  let answer: WaitSandboxResponse | undefined;
  try {
    answer = await client.call("waitSandbox", { sandboxId: watch.id }, { signal });
  } catch (error) {
    // Lost, or given up: who opens the connection again learns which.
    if (signal.aborted || hasCode(error, Code.Unavailable)) return;
  }
  await settleByStatus(watch, client, answer, signal);
}

async function settleDeath(watch: SandboxWatch): Promise<void> {
  const orphansEnd = watch.endOrphans();
  watch.exit.settle(unknownExitCode);
  await orphansEnd;
}

function isServerGone({ server }: SandboxWatch): boolean {
  const process = server();
  return process !== undefined && !isProcessAlive(toKernelIdentity(process));
}

const slower = (pauseMs: number): number => Math.min(pauseMs * 2, slowestPauseMs);

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
