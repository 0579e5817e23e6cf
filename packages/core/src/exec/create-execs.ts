import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { ContainerRecord } from "../containers/types.ts";
import { Budget, waitFor } from "../flow/index.ts";
import { openExecStdio } from "../io/index.ts";
import type { Stdio } from "../io/types.ts";
import type { SandboxRecord } from "../sandbox/types.ts";
import { StartTurns } from "../tasks/start-turns.ts";
import type { TaskLog, TaskService, TaskServices } from "../tasks/types.ts";
import { dialPort, joinStreams, netnsOf } from "./port-forward.ts";
import { execDir } from "./process/end-left-execs.ts";
import { ContainerProcesses } from "./process/exec-process.ts";
import { ExecRun } from "./process/exec-run.ts";
import { settlesWithin } from "./process/settles-within.ts";
import { type PulseTimes, ShimPulses } from "./process/shim-pulses.ts";
import { CollectedOutput, type OutputLimits } from "./streams/collected-output.ts";
import { CopiedOutput } from "./streams/copied-output.ts";
import { copyInput } from "./streams/copy-input.ts";
import { copyResizes } from "./streams/copy-resizes.ts";
import { DropPace, OutputBudget } from "./streams/output-budget.ts";
import type { ExecRequest, ExecResult, Execs, ExecStreams, TerminalSize } from "./types.ts";

/** What `createExecs` is given. */
export interface ExecsOptions {
  /** NotFound for an unknown id. */
  readonly containers: { readonly get: (idOrPrefix: string) => ContainerRecord };
  /** NotFound for an unknown id. */
  readonly sandboxes: { readonly get: (idOrPrefix: string) => SandboxRecord };
  readonly taskServices: Pick<TaskServices, "of">;
  /** The streams of containers' first processes. */
  readonly stdio: Pick<Stdio, "find">;
  /** How long output that somebody holds open is waited for after a process has ended, in milliseconds. Default 1,000. */
  readonly drainMs?: number;
  /** Bytes of each output of ExecSync that are kept. Default 16 MiB. */
  readonly limitBytes?: number;
  /** Bytes that all running ExecSync keep together; beyond it each still keeps its first 64 KiB. Default 64 MiB. */
  readonly budgetBytes?: number;
  /** Bounds the starts in each shim; shared with those of containers. Default: of its own. */
  readonly starts?: StartTurns;
  /** How shims are watched while a command runs. */
  readonly pulse?: PulseTimes;
  readonly log: TaskLog;
}

const MiB = 1024 * 1024;

/** Milliseconds for a command that has timed out to be killed: on a busy machine, it may not even have been started by then. */
const lateMs = 10_000;

/** Additional processes in the containers of a daemon. */
export function createExecs(options: ExecsOptions): Execs {
  return new ExecsOfDaemon(options);
}

class ExecsOfDaemon implements Execs {
  readonly #options: ExecsOptions;
  readonly #processes = new ContainerProcesses();
  readonly #turns: StartTurns;
  readonly #pulses: ShimPulses;
  readonly #limits: OutputLimits;
  readonly #drainMs: number;

  constructor(options: ExecsOptions) {
    const { limitBytes = 16 * MiB, budgetBytes = 64 * MiB, drainMs = 1_000 } = options;
    this.#options = options;
    this.#turns = options.starts ?? new StartTurns();
    this.#drainMs = drainMs;
    this.#pulses = new ShimPulses(options.pulse);
    this.#limits = { limitBytes, budget: new OutputBudget(budgetBytes), pace: new DropPace(256 * MiB) };
  }

  async execSync(
    id: string,
    request: ExecRequest & { readonly timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const record = this.#running(id, "running a command in");
    const doing = `running a command in container "${record.id}"`;
    using budget = request.timeoutMs > 0 ? new Budget(doing, request.timeoutMs, signal) : undefined;
    const limit = budget?.signal ?? signal;
    const run = await this.#begin(record, request, false, limit);
    const outputs = [run.plan.stdio.stdout, run.plan.stdio.stderr]
      .filter((stream) => stream !== undefined)
      .map((stream) => new CollectedOutput(stream, this.#limits));
    try {
      const exitCode = await waitFor(this.#exit(run), limit);
      const isDrained = await settlesWithin(Promise.all(outputs.map(({ ended }) => ended)), this.#drainMs);
      await run.end(isDrained ? undefined : 0);
      this.#tellDropped(record.id, outputs);
      const [stdout = nothing, stderr = nothing] = outputs.map((output) => output.take());
      return { stdout, stderr, exitCode };
    } catch (error) {
      await this.#endLate(run);
      throw StatusError.from(limit.aborted ? limit.reason : error, doing);
    } finally {
      for (const output of outputs) output.release();
    }
  }

  async exec(id: string, request: ExecRequest, streams: ExecStreams, signal: AbortSignal): Promise<number> {
    const record = this.#running(id, "running a command in");
    const { tty } = request;
    const run = await this.#begin(record, request, streams.stdin !== undefined, signal);
    const { stdio, execId, service } = run.plan;
    const outputs: CopiedOutput[] = [];
    if (stdio.stdout !== undefined) outputs.push(new CopiedOutput(stdio.stdout, streams.stdout));
    if (stdio.stderr !== undefined) outputs.push(new CopiedOutput(stdio.stderr, streams.stderr));
    const ended = this.#see(run, outputs);
    ended.catch(() => {}); // a client that has left does not look at it any more
    try {
      // A shim that hangs is noticed while it starts, too.
      await waitFor(Promise.race([run.started, ended]), signal);
      if (streams.stdin !== undefined && stdio.stdin !== undefined) {
        void copyInput(streams.stdin, stdio.stdin, () => this.#closeStdin(run));
      }
      if (tty && streams.resizes !== undefined) {
        const resize = (size: TerminalSize): Promise<void> => this.#resize(service, record.id, execId, size);
        void copyResizes(streams.resizes, run.exit, resize);
      }
      return await waitFor(ended, signal);
    } finally {
      if (signal.aborted) for (const output of outputs) output.leave();
    }
  }

  async attach(id: string, streams: ExecStreams, signal: AbortSignal): Promise<void> {
    const record = this.#joinable(id);
    const stdio = this.#options.stdio.find(record.id);
    if (stdio === undefined) {
      const doing = `attaching to container "${record.id}"`;
      throw new StatusError(Code.FailedPrecondition, `${doing}: its streams are not open`);
    }
    const { resizes, ...ends } = streams;
    const attached = stdio.attach(ends, signal);
    if (record.plan.tty && resizes !== undefined) {
      void copyResizes(resizes, attached, async (size) => await this.#resizeInit(record, size, signal));
    }
    await attached;
  }

  async portForward(sandboxId: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void> {
    const netns = netnsOf(this.#options.sandboxes.get(sandboxId));
    const socket = await dialPort(netns, port, signal);
    await joinStreams(stream, socket, signal);
  }

  checkRunning(id: string): void {
    this.#running(id, "reaching");
  }

  checkJoinable(id: string): void {
    this.#joinable(id);
  }

  #joinable(id: string): ContainerRecord {
    const record = this.#options.containers.get(id);
    return record.state === "created" || record.state === "starting" ? record : this.#running(id, "attaching to");
  }

  #running(id: string, doing: string): ContainerRecord {
    const record = this.#options.containers.get(id);
    if (record.state === "running") return record;
    throw new StatusError(Code.FailedPrecondition, `${doing} container "${record.id}": it is ${record.state}`);
  }

  /** Nothing is left when it fails before the shim was told. */
  async #begin(record: ContainerRecord, request: ExecRequest, stdin: boolean, signal: AbortSignal): Promise<ExecRun> {
    const { id, plan } = record;
    const [service, process] = await Promise.all([
      this.#options.taskServices.of(plan.sandboxId, signal),
      this.#processes.forExec(record, request),
    ]);
    const execId = randomBytes(16).toString("hex");
    const { tty } = request;
    // Shims want both outputs or none; a terminal has but one.
    const choice = { dir: execDir(plan.bundleDir, execId), stdin, stdout: true, stderr: !tty };
    const stdio = await openExecStdio(choice, never);
    return new ExecRun({ containerId: id, execId, service, process, tty, stdio, log: this.#options.log }, this.#turns);
  }

  /** Follows a process with a client to its end, whether the client stays or not. Gives the exit code. */
  async #see(run: ExecRun, outputs: readonly CopiedOutput[]): Promise<number> {
    try {
      const exitCode = await this.#exit(run);
      const areComplete = await Promise.all(outputs.map((output) => output.endWhenIdle(this.#drainMs)));
      await run.end(areComplete.every(Boolean) ? undefined : 0);
      return exitCode;
    } catch (error) {
      await run.end();
      throw error;
    }
  }

  /** Who is told that a command took too long shall not find it running. A shim that hangs cannot say when it has ended. */
  async #endLate(run: ExecRun): Promise<void> {
    if (!run.isAtShim) return await run.end();
    using pulse = this.#pulses.watch(run.plan.service);
    await Promise.race([run.end(lateMs), pulse.lost.catch(() => {})]);
  }

  async #exit(run: ExecRun): Promise<number> {
    using pulse = this.#pulses.watch(run.plan.service);
    return await Promise.race([run.exit, pulse.lost]);
  }

  async #closeStdin(run: ExecRun): Promise<void> {
    const { service, containerId, execId, log } = run.plan;
    try {
      await service.tasks.closeStdin(containerId, execId, never);
    } catch (error) {
      log("debug", "input of an exec is not closed", { containerId, execId, error: (error as Error).message });
    }
  }

  async #resize(service: TaskService, containerId: string, execId: string, size: TerminalSize): Promise<void> {
    try {
      await service.tasks.resizePty(containerId, execId, size, never);
    } catch (error) {
      const { log } = this.#options;
      log("debug", "terminal is not resized", { containerId, execId, error: (error as Error).message });
    }
  }

  /** Also for a client that comes when the pod's connection has been lost. */
  async #resizeInit({ id, plan }: ContainerRecord, size: TerminalSize, signal: AbortSignal): Promise<void> {
    try {
      await this.#resize(await this.#options.taskServices.of(plan.sandboxId, signal), id, "", size);
    } catch (error) {
      this.#options.log("debug", "terminal is not resized", { containerId: id, error: (error as Error).message });
    }
  }

  #tellDropped(containerId: string, outputs: readonly CollectedOutput[]): void {
    const bytes = outputs.reduce((sum, { dropped }) => sum + dropped, 0);
    if (bytes > 0) this.#options.log("warn", "output of a command is cut off", { containerId, bytes });
  }
}

const nothing = new Uint8Array();
const never = new AbortController().signal;
