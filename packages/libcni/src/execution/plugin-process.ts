import { spawn, type ChildProcess } from "node:child_process";

import { Code, StatusError } from "@crib/errdefs";

import { excerpt } from "../json.ts";
import { PluginError } from "../plugin-error.ts";
import { BoundedOutput } from "./bounded-output.ts";
import type { PluginExit, PluginRun } from "./plugin-exec.ts";

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

  /** Waits for the end; at `deadlineMs` of `performance.now()` or on abort, kills the process group and then rejects. */
  async finish(deadlineMs: number, signal: AbortSignal): Promise<PluginExit> {
    const onAbort = (): void => {
      const reason = StatusError.from(signal.reason);
      this.#fail(reason.code === Code.Unknown ? Code.Canceled : reason.code, `killed: ${reason.message}`, reason);
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
      clearTimeout(this.#drain);
      signal.removeEventListener("abort", onAbort);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return {
      exitCode: this.#exit?.exitCode ?? undefined,
      killedBy: this.#exit?.killedBy ?? undefined,
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
    };
  }

  #exited(exitCode: number | null, killedBy: string | null): void {
    this.#exit = { exitCode, killedBy };
    // Nothing may go on beside the undo of a failed plugin. Right after the exit the group's number cannot be another's yet.
    if (exitCode !== 0) this.#killGroup();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** Ends the run early; the first reason stays. */
  #fail(code: Code, why: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const { path, plugin, command } = this.#run;
    const failure = { plugin, command, stderr: this.#stderr.text() };
    if (this.#child.pid === undefined) {
      const error = StatusError.from(cause, `starting CNI plugin ${JSON.stringify(path)} for ${command}`);
      const startCode = error.code === Code.NotFound ? Code.FailedPrecondition : error.code;
      this.#failure = new PluginError(startCode, error.message, failure, { cause });
      this.#closed.resolve();
      return;
    }
    const message = `running CNI plugin ${JSON.stringify(plugin)} for ${command}: ${why}`;
    this.#failure = new PluginError(code, message, failure, { cause });
    this.#killGroup();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** The plugin ended, or was killed, two seconds ago and somebody still holds its output. */
  #abandonOutput(): void {
    this.#killGroup();
    if (this.#exit === undefined && this.#failure !== undefined) {
      const { code, message, cause, ...failure } = this.#failure;
      this.#failure = new PluginError(
        code,
        `${message}; process ${this.#child.pid} is still not dead after SIGKILL`,
        failure,
        { cause },
      );
    }
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    this.#closed.resolve();
  }

  #killGroup(): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      // The group was made by `detached` and carries the child's number, which stays taken while any member lives.
      process.kill(-pid, "SIGKILL");
    } catch (reason) {
      // ESRCH: no member is left. EPERM cannot be helped here; the bounded wait covers it.
      if ((reason as NodeJS.ErrnoException).code === "EINVAL") throw reason;
    }
  }
}
