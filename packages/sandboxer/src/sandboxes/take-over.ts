import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import type { ControllerCalls } from "./controller-calls.ts";
import type { HostedSandbox } from "./hosted-sandbox.ts";
import type { Turns } from "./turns.ts";
import type { SandboxerLog } from "./types.ts";
import { recordExit, unknownExitCode, watchExit } from "./watch-exit.ts";

const firstPauseMs = 1_000;
const slowestPauseMs = 30_000;

/**
 * Has the controller adopt a sandbox that an earlier process started; settles after the first try. When that fails the sandbox is lost for the
 * time being, and tried again until it is adopted or goes.
 */
export async function takeOver(
  calls: ControllerCalls,
  turns: Turns,
  hosted: HostedSandbox,
  log: SandboxerLog,
): Promise<void> {
  const { id, life } = hosted;
  if (await turns.take(id, () => tryToAdopt(calls, hosted, log))) return;
  void (async () => {
    for (let pauseMs = firstPauseMs; !life.signal.aborted; pauseMs = Math.min(pauseMs * 2, slowestPauseMs)) {
      await delay(pauseMs, undefined, { signal: life.signal }).catch(() => undefined);
      if (await turns.take(id, () => tryToAdopt(calls, hosted, log))) return;
    }
  })();
}

/** True when there is nothing more to try. */
async function tryToAdopt(calls: ControllerCalls, hosted: HostedSandbox, log: SandboxerLog): Promise<boolean> {
  const { id, life, record } = hosted;
  const { sandbox, instance } = record;
  if (instance === undefined || life.signal.aborted) return true;
  try {
    const status = await calls.adopt(sandbox, instance, life.signal);
    hosted.lost = undefined;
    log("info", "took over a sandbox", { sandboxId: id, state: status.state });
    if (status.state !== "exited") void watchExit(calls.controller, hosted, log);
    else await recordExit(hosted, status.exit ?? { exitCode: unknownExitCode, exitedAt: new Date() }, log);
    return true;
  } catch (reason) {
    const { message } = StatusError.from(reason);
    hosted.lost = new StatusError(Code.Unavailable, message, { cause: reason });
    log("error", "a sandbox cannot be taken over yet", { sandboxId: id, error: message });
    return false;
  }
}
