import { setTimeout as delay } from "node:timers/promises";

import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { isProcessAlive } from "@crib/linux";
import type { ExitStatus, ProcessIdentity } from "@crib/sandboxer";
import { Status } from "@crib/wire/task";

import { identityOf, packRuntimeOptions, type Shim, type Shims, toKernelIdentity } from "../../tasks/index.ts";
import type { PodExit } from "./pod-exit.ts";
import type { RootfsMount } from "./types.ts";

/** Exit code of a pause whose end nobody saw, as containerd reports it. */
export const unknownExitCode = 255;

/** Exit code of what SIGKILL ended. */
export const killedExitCode = 137;

/** How often a shim that hangs is asked again, and its pause looked at meanwhile. */
const hungPollMs = 250;

/** How long a shim may take to reap a pause that has ended. */
const reapMs = 2_000;

/**
 * Creates the pause task without standard streams; gives its init process, which does not run the pause program yet.
 */
export async function createPause(
  shim: Shim,
  rootfsMounts: readonly RootfsMount[],
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const { id, bundle, tasks } = shim;
  const options = packRuntimeOptions(shim.runtimeType, shim.options);
  const pid = await tasks.create(
    {
      id,
      bundle,
      rootfs: rootfsMounts.map((mount) => ({ ...mount, options: [...mount.options] })),
      ...(options === undefined ? {} : { options }),
    },
    signal,
  );
  const process = identityOf(pid);
  if (process === undefined) {
    throw new StatusError(Code.FailedPrecondition, `creating the pause of "${id}": process ${pid} has ended at once`);
  }
  return process;
}

/** How the shim says the pause is: its exit, or undefined while it runs. NotFound when the shim does not know it. */
export async function pauseExit(
  shim: Shim,
  process: ProcessIdentity | undefined,
  signal: AbortSignal,
): Promise<ExitStatus | undefined> {
  const { status, exitStatus, exitedAt } = await shim.tasks.state(shim.id, "", signal);
  if (status === Status.STOPPED) return { exitCode: exitStatus, exitedAt: dateOf(exitedAt) };
  if (process === undefined || isProcessAlive(toKernelIdentity(process))) return undefined;
  // It has just ended and the shim has yet to reap it.
  const end = await shim.tasks.wait(shim.id, "", signal, { timeoutMs: reapMs });
  return { exitCode: end.exitStatus, exitedAt: dateOf(end.exitedAt) };
}

/** What is watched, and what to do when it ends. */
export interface PauseWatch {
  readonly shims: Shims;
  readonly process: ProcessIdentity;
  readonly exit: PodExit;
  /** Ends everything of the pod that can still run; called when the shim has died before its pause. Never rejects. */
  readonly endOrphans: () => Promise<void>;
}

/**
 * Settles `exit` when the pause ends or its shim dies. A lost connection alone is no death: the shim is dialled again,
 * and only when nobody listens any more are its orphans ended. Returns when there is nothing left to watch, at the
 * latest on abort; never rejects.
 */
export async function watchPause(watch: PauseWatch, first: Shim, signal: AbortSignal): Promise<void> {
  let next: Reopened = { kind: "open", shim: first };
  while (next.kind === "open") {
    try {
      const { exitStatus, exitedAt } = await next.shim.tasks.wait(first.id, "", signal);
      watch.exit.settle(exitStatus, dateOf(exitedAt));
      return;
    } catch (error) {
      // Any other answer comes from a shim that lives and knows no such task.
      const isLost = hasCode(error, Code.Unavailable);
      next = isLost ? await reopen(watch, first.id, signal) : { kind: "gone" };
    }
    if (signal.aborted) return;
  }
  if (next.kind === "left" || watch.exit.status !== undefined) return;
  const orphansEnd = watch.endOrphans();
  watch.exit.settle(unknownExitCode);
  await orphansEnd;
}

type Reopened = { readonly kind: "open"; readonly shim: Shim } | { readonly kind: "gone" } | { readonly kind: "left" };

/** A new connection, or why there is none: the shim is gone, or nobody wants to know any more. */
async function reopen(watch: PauseWatch, id: string, signal: AbortSignal): Promise<Reopened> {
  while (!signal.aborted) {
    try {
      return { kind: "open", shim: await watch.shims.open(id, signal) };
    } catch (error) {
      if (hasCode(error, Code.NotFound)) return { kind: "gone" };
      // The daemon is closing its connections: the pod goes on without it.
      if (hasCode(error, Code.Canceled)) return { kind: "left" };
    }
    // The shim is there and hangs. It cannot tell of its pause's end, so that is looked at.
    if (!isProcessAlive(toKernelIdentity(watch.process))) return { kind: "gone" };
    await pauseFor(hungPollMs, signal);
  }
  return { kind: "left" };
}

async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function dateOf(timestamp: Timestamp | undefined): Date {
  return timestamp === undefined || timestamp.seconds <= 0n ? new Date() : timestampDate(timestamp);
}
