import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode } from "@crib/errdefs";

import type { ExitStatus, SandboxController } from "../types.ts";
import type { HostedSandbox } from "./hosted-sandbox.ts";
import type { SandboxerLog } from "./types.ts";

/** What is said of an end that nobody saw, as containerd has it. */
export const unknownExitCode = 255;

const firstPauseMs = 1_000;
const slowestPauseMs = 30_000;

/**
 * Waits for the end of a started sandbox by one call for all who want to know, and records it. A controller that fails to wait is asked again; one that does not know
 * the sandbox any more has lost it.
 */
export async function watchExit(
  controller: SandboxController,
  hosted: HostedSandbox,
  log: SandboxerLog,
): Promise<void> {
  const { id, life } = hosted;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, slowestPauseMs)) {
    let exit: ExitStatus;
    try {
      exit = await controller.wait(id, life.signal);
    } catch (reason) {
      if (life.signal.aborted || hosted.exit.status !== undefined) return;
      const error = String(reason);
      if (!hasCode(reason, Code.NotFound)) {
        log("warn", "waiting for a sandbox failed", { sandboxId: id, error });
        await delay(pauseMs, undefined, { signal: life.signal }).catch(() => undefined);
        continue;
      }
      log("error", "the controller has lost a sandbox", { sandboxId: id, error });
      exit = { exitCode: unknownExitCode, exitedAt: new Date() };
    }
    await recordExit(hosted, exit, log);
    return;
  }
}

/** Tells all who wait of the end, and remembers it. */
export async function recordExit(hosted: HostedSandbox, exit: ExitStatus, log: SandboxerLog): Promise<void> {
  if (!hosted.exit.settle(exit)) return;
  const fields = { sandboxId: hosted.id, exitCode: exit.exitCode };
  log("info", "a sandbox has ended", fields);
  try {
    await hosted.save({ exit });
  } catch (reason) {
    log("error", "the end of a sandbox is not recorded", { ...fields, error: String(reason) });
  }
}
