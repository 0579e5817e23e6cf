import { spawn, type ChildProcess } from "node:child_process";

import { Code, StatusError } from "@crib/errdefs";

import { excerpt } from "../json.ts";
import { PluginError } from "../plugin-error.ts";
import { BoundedOutput } from "./bounded-output.ts";
import type { PluginExit, PluginRun } from "./plugin-exec.ts";
import { ProcessGroup } from "./process-group.ts";

const maxStdoutBytes = 1024 * 1024;
const maxStderrBytes = 64 * 1024;
/** How long output may stay open after the plugin ended, and how long the dead may take to be reaped. */
const drainMs = 2_000;

/**
 * One running plugin, leader of its own process group. Whenever `finish` settles, the plugin is dead and reaped and its
 * output closed, except if the kernel cannot end it within two seconds, which the error says.
 */
export class PluginProcess {
  readonly #run: PluginRun;
  readonly #child: ChildProcess;
  /** Absent when the start failed. */
  readonly #group: ProcessGroup | undefined;
  readonly #stdout = new BoundedOutput(maxStdoutBytes, "first");
  readonly #stderr = new BoundedOutput(maxStderrBytes, "last");
  readonly #closed = Promise.withResolvers<void>();
  #failure: PluginError | undefined;
  #exit: { readonly exitCode: number | null; readonly killedBy: string | null } | undefined;
  #drain: NodeJS.Timeout | undefined;

  /** Starts the plugin. Throws the errno of a start that failed at once; others come out of `finish`. */
  constructor(run: PluginRun, stdinFd: number) {
    this.#run = run;
    this.#child = spawn(run.path, [], {
      cwd: "/",
      env: { ...run.env },
      stdio: [stdinFd, "pipe", "pipe"],
      // A session of its own: one signal reaches all children, and a terminal's signals reach none.
      detached: true,
    });
    this.#group = this.#child.pid === undefined ? undefined : new ProcessGroup(this.#child.pid);
    // Listeners must be there before the first await, else events are lost.
    this.#child.on("error", (reason) => this.#fail(Code.Unknown, "", reason));
    this.#child.on("exit", (exitCode, killedBy) => this.#exited(exitCode, killedBy));
    this.#child.on("close", () => this.#closed.resolve());
    // Without a free descriptor there are no streams at all, only the error event.
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout.push(chunk);
      if (this.#stdout.overflowed)
        this.#fail(
          Code.ResourceExhausted,
          `printed more than ${maxStdoutBytes} bytes: ${excerpt(this.#stdout.text())}`,
        );
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on("error", (reason) => this.#fail(Code.Unknown, "its output cannot be read", reason));
  }

  /** Waits for the end; at `deadlineMs` of `performance.now()`, or a grace after an abort, kills the group and then rejects. */
  async finish(deadlineMs: number, signal: AbortSignal): Promise<PluginExit> {
    const { abortGraceMs } = this.#run;
    let grace: NodeJS.Timeout | undefined;
    const kill = (): void => {
      const reason = StatusError.from(signal.reason);
      const code = reason.code === Code.Unknown ? Code.Canceled : reason.code;
      this.#fail(code, `killed ${abortGraceMs} ms after the call was aborted: ${reason.message}`, reason);
    };
    const onAbort = (): void => {
      if (abortGraceMs === 0) kill();
      else grace = setTimeout(kill, abortGraceMs);
    };
    const budget = setTimeout(
      () => this.#fail(Code.DeadlineExceeded, `killed after its budget of ${this.#run.budgetMs} ms`),
      Math.max(0, deadlineMs - performance.now()),
    );
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await this.#closed.promise;
    } finally {
      clearTimeout(budget);
      clearTimeout(grace);
      clearTimeout(this.#drain);
      signal.removeEventListener("abort", onAbort);
    }
    const ended = (await this.#group?.ended(drainMs)) ?? true;
    if (!ended) throw this.#unkillable();
    if (this.#failure !== undefined) throw this.#failure;
    return {
      exitCode: this.#exit?.exitCode ?? undefined,
      killedBy: this.#exit?.killedBy ?? undefined,
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
    };
  }

  #unkillable(): PluginError {
    const { plugin, command } = this.#run;
    const before = this.#failure?.message ?? `running CNI plugin ${JSON.stringify(plugin)} for ${command}: failed`;
    return new PluginError(
      this.#failure?.code ?? Code.Internal,
      `${before}; process group ${this.#child.pid} is still not dead ${drainMs} ms after SIGKILL`,
      { plugin, command, stderr: this.#stderr.text() },
      { cause: this.#failure },
    );
  }

  #exited(exitCode: number | null, killedBy: string | null): void {
    this.#exit = { exitCode, killedBy };
    // Nothing may go on beside the undo of a failed plugin. What a successful one leaves, quietly, is its own affair.
    if (exitCode === 0) this.#group?.probe();
    else this.#group?.kill();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** Ends the run early; the first reason stays. */
  #fail(code: Code, why: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const { path, plugin, command } = this.#run;
    const failure = { plugin, command, stderr: this.#stderr.text() };
    if (this.#group === undefined) {
      const error = StatusError.from(cause, `starting CNI plugin ${JSON.stringify(path)} for ${command}`);
      const startCode = error.code === Code.NotFound ? Code.FailedPrecondition : error.code;
      this.#failure = new PluginError(startCode, error.message, failure, { cause });
      this.#closed.resolve();
      return;
    }
    const message = `running CNI plugin ${JSON.stringify(plugin)} for ${command}: ${why}`;
    this.#failure = new PluginError(code, message, failure, { cause });
    this.#group?.kill();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** The plugin ended, or was killed, two seconds ago and somebody still holds its output. */
  #abandonOutput(): void {
    this.#group?.kill();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#closed.resolve();
  }
}
