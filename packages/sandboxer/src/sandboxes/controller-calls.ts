import type {
  Sandbox,
  SandboxController,
  SandboxInstance,
  SandboxStatus,
  SandboxTasks,
  TaskEndpoint,
} from "../types.ts";
import { boundedCall } from "./bounded-call.ts";
import type { ControllerDeadlines, EndpointOf } from "./types.ts";

/**
 * A controller whose calls all come to an end: each has its deadline, those that change something go on when their caller leaves only where that is
 * what idempotency needs.
 */
export class ControllerCalls {
  readonly controller: SandboxController;
  readonly #deadlines: ControllerDeadlines;

  constructor(controller: SandboxController, deadlines: ControllerDeadlines) {
    this.controller = controller;
    this.#deadlines = deadlines;
  }

  async create(sandbox: Sandbox, signal: AbortSignal): Promise<void> {
    const doing = `creating sandbox "${sandbox.id}"`;
    await this.#call(doing, this.#deadlines.create, (inner) => this.controller.create(sandbox, inner), signal);
  }

  async start(id: string, signal: AbortSignal): Promise<SandboxInstance> {
    const start = (inner: AbortSignal): Promise<SandboxInstance> => this.controller.start(id, inner);
    return await this.#call(`starting sandbox "${id}"`, this.#deadlines.start, start, signal);
  }

  /** Part of a start: the first sandbox may have to wait for a task server that starts too. */
  async findTasks(id: string, endpointOf: EndpointOf, signal: AbortSignal): Promise<TaskEndpoint> {
    const find = (inner: AbortSignal): Promise<TaskEndpoint> => endpointOf(id, inner);
    return await this.#call(`finding the tasks of sandbox "${id}"`, this.#deadlines.start, find, signal);
  }

  async adopt(sandbox: Sandbox, instance: SandboxInstance, signal: AbortSignal): Promise<SandboxStatus> {
    const adopt = (inner: AbortSignal): Promise<SandboxStatus> => this.controller.adopt(sandbox, instance, inner);
    return await this.#call(`taking over sandbox "${sandbox.id}"`, this.#deadlines.adopt, adopt, signal);
  }

  async stop(id: string, graceMs: number): Promise<void> {
    const stop = (inner: AbortSignal): Promise<void> => this.controller.stop(id, { graceMs }, inner);
    await this.#call(`stopping sandbox "${id}"`, this.#deadlines.stop + graceMs, stop);
  }

  async shutdown(id: string): Promise<void> {
    const shutdown = (inner: AbortSignal): Promise<void> => this.controller.shutdown(id, inner);
    await this.#call(`shutting sandbox "${id}" down`, this.#deadlines.shutdown, shutdown);
  }

  /** Any other call. `doing` goes before the word sandbox: `measuring`. */
  async ask<T>(
    id: string,
    doing: string,
    call: (controller: SandboxController, inner: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const ask = (inner: AbortSignal): Promise<T> => call(this.controller, inner);
    return await this.#call(`${doing} sandbox "${id}"`, this.#deadlines.other, ask, signal);
  }

  /** Tells of one change of the task table. */
  async tell(
    id: string,
    tasks: SandboxTasks,
    tell: (tasks: SandboxTasks, sandboxId: string, inner: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const doing = `updating the tasks of sandbox "${id}"`;
    await this.#call(doing, this.#deadlines.other, (inner) => tell(tasks, id, inner), signal);
  }

  async #call<T>(
    doing: string,
    timeoutMs: number,
    call: (inner: AbortSignal) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return await boundedCall({ doing, timeoutMs, settleMs: this.#deadlines.settle, signal }, call);
  }
}
