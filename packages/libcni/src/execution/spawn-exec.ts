import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import { PluginError } from "../plugin-error.ts";
import { findPlugin } from "./find-plugin.ts";
import { forkChild } from "./fork-child.ts";
import type { PluginExec, PluginExit, PluginRun } from "./plugin-exec.ts";
import { PluginProcess } from "./plugin-process.ts";
import type { SpawnChild, SpawnedChild } from "./spawn-child.ts";
import { openStdinFile } from "./stdin-file.ts";

/** Options of `spawnExec`. */
export interface SpawnExecOptions {
  /** Where the plugins' stdin is kept, in files without a name; made with mode 0700 if missing; default the system's temporary directory. */
  readonly scratchDir?: string;
  /** How programs are started; default `node:child_process`, which blocks longer the more memory this process has. */
  readonly spawn?: SpawnChild;
}

const busyRetries = 5;
const busyPauseMs = 100;

/** The `PluginExec` that runs real programs, each in a session and process group of its own. */
export function spawnExec(options: SpawnExecOptions = {}): PluginExec {
  const { scratchDir = tmpdir(), spawn = forkChild } = options;
  return {
    find: findPlugin,
    async run(run: PluginRun, signal: AbortSignal): Promise<PluginExit> {
      const deadlineMs = performance.now() + run.budgetMs;
      for (let attempt = 1; ; attempt++) {
        if (signal.aborted) throw notStarted(run, signal.reason);
        try {
          return await runOnce(run, spawn, scratchDir, deadlineMs, signal);
        } catch (reason) {
          // Somebody is just writing the binary (or forked while writing it): it will be whole in a moment.
          if (!isBusy(reason)) throw reason;
          const pauseMs = busyPauseMs * attempt;
          if (attempt > busyRetries || performance.now() + pauseMs > deadlineMs) throw notStarted(run, reason);
          // An abort ends the pause; the next round reports it.
          await sleep(pauseMs, undefined, { signal }).catch(() => {});
        }
      }
    },
  };
}

async function runOnce(
  run: PluginRun,
  spawn: SpawnChild,
  scratchDir: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<PluginExit> {
  await using stdin = await openStdinFile(scratchDir, run.stdin).catch((reason: unknown) => {
    throw notStarted(run, reason);
  });
  const child = await startChild(run, spawn, stdin.fd);
  return await new PluginProcess(run, child).finish(deadlineMs, signal);
}

async function startChild(run: PluginRun, spawn: SpawnChild, stdinFd: number): Promise<SpawnedChild> {
  try {
    return await spawn({ path: run.path, args: [], env: run.env, cwd: "/", stdinFd });
  } catch (reason) {
    throw isBusy(reason) ? reason : notStarted(run, reason);
  }
}

function isBusy(reason: unknown): boolean {
  for (let error = reason; error instanceof Error; error = error.cause)
    if ((error as NodeJS.ErrnoException).code === "ETXTBSY") return true;
  return false;
}

function notStarted(run: PluginRun, reason: unknown): PluginError {
  const error = StatusError.from(reason, `starting CNI plugin ${JSON.stringify(run.path)} for ${run.command}`);
  // A plugin that is found but whose interpreter is missing gives ENOENT; nothing of the caller's is "not found".
  const code = error.code === Code.NotFound ? Code.FailedPrecondition : error.code;
  return new PluginError(code, error.message, { plugin: run.plugin, command: run.command }, { cause: reason });
}
