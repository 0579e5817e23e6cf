import { Code, StatusError } from "@crib/errdefs";

import { excerpt } from "../json.ts";
import { PluginError } from "../plugin-error.ts";
import { BoundedOutput } from "./bounded-output.ts";
import type { PluginExit, PluginRun } from "./plugin-exec.ts";
import { ProcessGroup } from "./process-group.ts";
import type { SpawnedChild } from "./spawn-child.ts";

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
  readonly #child: SpawnedChild;
  readonly #group: ProcessGroup;
  readonly #stdout = new BoundedOutput(maxStdoutBytes, "first");
  readonly #stderr = new BoundedOutput(maxStderrBytes, "last");
  readonly #closed = Promise.withResolvers<void>();
  #failure: PluginError | undefined;
  #exit: { readonly exitCode: number | null; readonly signal: string | null } | undefined;
  #drain: NodeJS.Timeout | undefined;

  /** Takes charge of a plugin that was just started. */
  constructor(run: PluginRun, child: SpawnedChild) {
    this.#run = run;
    this.#child = child;
    this.#group = new ProcessGroup(child.pid);
    const exited = child.exit.then((exit) => this.#exited(exit));
    child.stdout.on("data", (chunk: Buffer) => {
      this.#stdout.push(chunk);
      if (this.#stdout.overflowed)
        this.#fail(
          Code.ResourceExhausted,
          `printed more than ${maxStdoutBytes} bytes: ${excerpt(this.#stdout.text())}`,
        );
    });
    child.stderr.on("data", (chunk: Buffer) => this.#stderr.push(chunk));
    const closed = [child.stdout, child.stderr].map((stream) => {
      stream.on("error", (reason) => this.#fail(Code.Unknown, "its output cannot be read", reason));
      return new Promise<void>((resolve) => stream.once("close", resolve));
    });
    void Promise.all([exited, ...closed]).then(() => this.#closed.resolve());
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
    const ended = await this.#group.ended(drainMs);
    if (!ended) throw this.#unkillable();
    if (this.#failure !== undefined) throw this.#failure;
    return {
      exitCode: this.#exit?.exitCode ?? undefined,
      killedBy: this.#exit?.signal ?? undefined,
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

  #exited(exit: { readonly exitCode: number | null; readonly signal: string | null }): void {
    this.#exit = exit;
    // Nothing may go on beside the undo of a failed plugin. What a successful one leaves, quietly, is its own affair.
    if (exit.exitCode === 0) this.#group.probe();
    else this.#group.kill();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** Ends the run early; the first reason stays. */
  #fail(code: Code, why: string, cause?: unknown): void {
    if (this.#failure !== undefined) return;
    const { plugin, command } = this.#run;
    const failure = { plugin, command, stderr: this.#stderr.text() };
    const message = `running CNI plugin ${JSON.stringify(plugin)} for ${command}: ${why}`;
    this.#failure = new PluginError(code, message, failure, { cause });
    this.#group.kill();
    this.#drain ??= setTimeout(() => this.#abandonOutput(), drainMs);
  }

  /** The plugin ended, or was killed, two seconds ago and somebody still holds its output. */
  #abandonOutput(): void {
    this.#group.kill();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    this.#closed.resolve();
  }
}
