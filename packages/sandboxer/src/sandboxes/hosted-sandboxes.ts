import { Code, hasCode, StatusError } from "@crib/errdefs";

import type { SandboxRecord, TaskEntry } from "../records/sandbox-record.ts";
import type {
  ExitStatus,
  Platform,
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxMetrics,
  SandboxResources,
  SandboxStatus,
  TaskEndpoint,
} from "../types.ts";
import { checkSandboxId } from "./check-sandbox-id.ts";
import { ControllerCalls } from "./controller-calls.ts";
import { HalfMade } from "./half-made.ts";
import { HostedSandbox, type Records } from "./hosted-sandbox.ts";
import { KnownSandboxes } from "./known-sandboxes.ts";
import { takeOver } from "./take-over.ts";
import { taskChanges } from "./task-table.ts";
import { Turns } from "./turns.ts";
import type { ControllerDeadlines, EndpointOf, SandboxerLog } from "./types.ts";
import { recordExit, unknownExitCode, watchExit } from "./watch-exit.ts";

/** What `HostedSandboxes` is made of. */
export interface HostingOptions {
  readonly controller: SandboxController;
  readonly records: Records;
  readonly endpointOf: EndpointOf;
  readonly deadlines: ControllerDeadlines;
  readonly log: SandboxerLog;
  /** Id of this boot. */
  readonly bootId: string;
}

/** A sandbox that runs, and where its tasks are served. */
export interface StartedSandbox {
  readonly instance: SandboxInstance;
  readonly endpoint: TaskEndpoint;
}

/** What Status answers are made of. */
export interface HostedStatus {
  readonly status: SandboxStatus;
  /** Since it was started. */
  readonly instance?: SandboxInstance;
}

/**
 * The sandboxes of one server: what the Sandbox API promises, made of what a controller does, whatever service asks for it. Calls that concern the
 * same sandbox run one after the other, but for `wait` and those that only read.
 */
export class HostedSandboxes {
  readonly #options: HostingOptions;
  readonly #known = new KnownSandboxes();
  readonly #turns = new Turns();
  readonly #calls: ControllerCalls;
  readonly #halfMade: HalfMade;

  constructor(options: HostingOptions) {
    this.#options = options;
    this.#calls = new ControllerCalls(options.controller, options.deadlines);
    this.#halfMade = new HalfMade(this.#calls, this.#known, options.log);
  }

  /** How many there are, in whatever state. */
  get size(): number {
    return this.#known.size;
  }

  /** Records the intent, then has the controller create. What fails is shut down; AlreadyExists for an id that is known. */
  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const { id } = sandbox;
    checkSandboxId(id, "creating");
    const doing = `creating sandbox "${id}"`;
    await this.#turns.take(id, async () => {
      if (this.#known.find(id)) throw new StatusError(Code.AlreadyExists, `${doing}: it exists`);
      signal.throwIfAborted();
      const { records, bootId } = this.#options;
      const hosted = new HostedSandbox({ phase: "creating", bootId, sandbox, tasks: [] }, records);
      this.#known.add(hosted);
      try {
        await hosted.save({});
        await this.#calls.create(sandbox, signal);
        await hosted.save({ phase: "created" });
      } catch (reason) {
        // Known to the controller although not to us: whose it is cannot be said, so it is left alone.
        await this.#halfMade.undoCreate(hosted, hasCode(reason, Code.AlreadyExists));
        throw reason;
      }
    });
  }

  /** Starts what was created. A start that failed is stopped, and can only be shut down. */
  async start(id: string, signal: AbortSignal): Promise<StartedSandbox> {
    const { controller, endpointOf, log } = this.#options;
    return await this.#turns.take(id, async () => {
      const hosted = this.#known.get(id, "starting");
      const { phase } = hosted.record;
      if (phase !== "created") {
        throw new StatusError(Code.FailedPrecondition, `starting sandbox "${id}": it is ${phase}`);
      }
      await hosted.save({ phase: "starting" });
      try {
        const instance = await this.#calls.start(id, signal);
        const endpoint = await this.#calls.findTasks(id, endpointOf, signal);
        await hosted.save({ phase: "started", instance });
        void watchExit(controller, hosted, log);
        return { instance, endpoint };
      } catch (reason) {
        await this.#halfMade.undoStart(hosted);
        throw reason;
      }
    });
  }

  /** Where the tasks of a started sandbox are served. */
  async endpoint(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    await this.#known.taken(id, "finding the tasks of", signal);
    return await this.#endpointOf(id, signal);
  }

  /** The same where it can be told; undefined, with the reason in the log, where it cannot. */
  async endpointIfTold(id: string, signal: AbortSignal): Promise<TaskEndpoint | undefined> {
    try {
      return await this.endpoint(id, signal);
    } catch (reason) {
      this.#options.log("debug", "where tasks are served cannot be told", { sandboxId: id, error: String(reason) });
      return undefined;
    }
  }

  async platform(id: string, signal: AbortSignal): Promise<Platform> {
    const doing = "naming the platform of";
    await this.#known.taken(id, doing, signal);
    return await this.#calls.ask(id, doing, (controller, inner) => controller.platform(id, inner), signal);
  }

  /** Of a sandbox that does not run this is known without the controller. */
  async status(id: string, options: { readonly verbose: boolean }, signal: AbortSignal): Promise<HostedStatus> {
    const doing = "reading the status of";
    const hosted = await this.#known.taken(id, doing, signal);
    const { phase, instance } = hosted.record;
    const exit = hosted.exit.status;
    const known = instance === undefined ? {} : { instance };
    if (exit !== undefined) return { status: { state: "exited", info: {}, exit }, ...known };
    if (phase !== "started" && phase !== "created") return { status: { state: "created", info: {} } };
    const status = await this.#calls.ask(
      id,
      doing,
      (controller, inner) => controller.status(id, options, inner),
      signal,
    );
    return { status, ...known };
  }

  async metrics(id: string, signal: AbortSignal): Promise<SandboxMetrics | undefined> {
    await this.#known.taken(id, "measuring", signal);
    return await this.#calls.ask(id, "measuring", (controller, inner) => controller.metrics(id, inner), signal);
  }

  /** Tells the controller of changed limits, and remembers them. */
  async update(
    id: string,
    change: { readonly resources?: SandboxResources; readonly overhead?: SandboxResources },
    signal: AbortSignal,
  ): Promise<void> {
    await this.#turns.take(id, async () => {
      const hosted = await this.#known.taken(id, "updating", signal);
      await this.#calls.ask(id, "updating", (controller, inner) => controller.update(id, change, inner), signal);
      await hosted.save({ sandbox: { ...hosted.record.sandbox, ...change } });
    });
  }

  /** Tells the controller what has changed in the task table. Unimplemented where it does not want to know. */
  async setTasks(id: string, table: readonly TaskEntry[], signal: AbortSignal): Promise<void> {
    const { tasks } = this.#options.controller;
    await this.#turns.take(id, async () => {
      const hosted = await this.#known.taken(id, "updating", signal);
      if (tasks === undefined) {
        throw new StatusError(Code.Unimplemented, `updating sandbox "${id}": nothing has to be known of tasks`);
      }
      for (const { after, tell } of taskChanges(hosted.record.tasks, table)) {
        await this.#calls.tell(id, tasks, tell, signal);
        await hosted.save({ tasks: after });
      }
    });
  }

  /** Settles when the sandbox has ended, for as many as ask, until it is shut down; of one that was never started, when it is stopped. */
  async wait(id: string, signal: AbortSignal): Promise<ExitStatus> {
    return await this.#known.get(id, "waiting for").exit.wait(signal);
  }

  /** Ends a sandbox. It goes on when the caller leaves. A stopped or unknown one succeeds. */
  async stop(id: string, graceMs: number): Promise<void> {
    checkSandboxId(id, "stopping");
    await this.#turns.take(id, async () => {
      const hosted = this.#known.find(id);
      await this.#calls.stop(id, graceMs);
      if (hosted === undefined || hosted.record.phase === "stopped") return;
      const exitCode = await this.#exitCodeAfterStop(hosted);
      await recordExit(hosted, { exitCode, exitedAt: new Date() }, this.#options.log);
      await hosted.save({ phase: "stopped" });
    });
  }

  /** Frees all that a sandbox has, and forgets it. It goes on when the caller leaves. An unknown one succeeds. */
  async shutdown(id: string): Promise<void> {
    checkSandboxId(id, "shutting down");
    await this.#turns.take(id, async () => {
      const hosted = this.#known.find(id);
      await this.#calls.shutdown(id);
      if (hosted === undefined) {
        await this.#options.records.remove(id);
        return;
      }
      const wasStarted = hosted.record.instance !== undefined;
      if (wasStarted) hosted.exit.settle({ exitCode: await this.#exitCodeAfterStop(hosted), exitedAt: new Date() });
      await this.#known.forget(hosted);
    });
  }

  /**
   * Takes over what an earlier process has left: what was started is adopted, what was not is shut down. Returns at once; calls wait until it is known what
   * they concern. What cannot be adopted is tried again, and meanwhile Unavailable.
   */
  recover(records: readonly SandboxRecord[]): void {
    for (const record of records) {
      const hosted = new HostedSandbox(record, this.#options.records);
      this.#known.add(hosted);
      const { phase, exit, bootId } = record;
      if (phase === "stopped" || exit !== undefined) continue;
      if (phase !== "started") hosted.adopting = this.#turns.take(hosted.id, () => this.#halfMade.drop(hosted));
      else if (bootId === this.#options.bootId)
        hosted.adopting = takeOver(this.#calls, this.#turns, hosted, this.#options.log);
      else hosted.exit.settle({ exitCode: unknownExitCode, exitedAt: new Date() });
    }
  }

  /** Stops watching, and leaves the sandboxes running. */
  close(): void {
    for (const { life } of this.#known.all()) life.abort(new StatusError(Code.Unavailable, "the sandboxer ends"));
  }

  async #endpointOf(id: string, signal: AbortSignal): Promise<TaskEndpoint> {
    const { endpointOf } = this.#options;
    return await this.#calls.ask(id, "finding the tasks of", (_, inner) => endpointOf(id, inner), signal);
  }

  /** What ended it is told by the controller in a moment; what was never started ended well. */
  async #exitCodeAfterStop(hosted: HostedSandbox): Promise<number> {
    if (hosted.record.instance === undefined) return 0;
    const signal = AbortSignal.timeout(this.#options.deadlines.settle);
    // Fails only for the time: a controller that has not told by then is not waited for.
    const exit = await hosted.exit.wait(signal).catch(() => undefined);
    return exit?.exitCode ?? unknownExitCode;
  }
}
