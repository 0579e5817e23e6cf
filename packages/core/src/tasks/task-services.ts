import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, SandboxController, TaskEndpoint } from "@crib/sandboxer";

import { Budget, waitFor } from "../flow/index.ts";
import { connectTasks } from "./endpoints/connect-tasks.ts";
import type { TaskClient, TaskService, TaskServices } from "./types.ts";

/** One open connection to a task service, whatever it runs over. */
export interface TaskLink {
  readonly tasks: TaskClient;
  /** Absent where the process is none of this host. */
  readonly process?: ProcessIdentity;
  /** Settles, and never rejects, when the connection is lost or closed. */
  readonly closed: Promise<StatusError>;
  /** Repeating it is harmless. */
  close(): Promise<void>;
}

/** Dials a task service and makes sure that it answers. NotFound when nobody is there. */
export type TaskDialer = (
  dial: {
    readonly id: string;
    readonly endpoint: TaskEndpoint;
    readonly namespace: string;
    readonly timeoutMs: number;
  },
  signal: AbortSignal,
) => Promise<TaskLink>;

/** What `createTaskServices` is given. */
export interface TaskServicesOptions {
  /** The controller of a pod. Throws when there is no such pod. */
  readonly controllerOf: (sandboxId: string) => Pick<SandboxController, "endpoint">;
  /** containerd namespace. Default `k8s.io`. */
  readonly namespace?: string;
  /** For dialling and the first answer, in milliseconds. Default 5,000. */
  readonly connectMs?: number;
  /** For all of it, the start of a shim included, in milliseconds. Default 30,000. */
  readonly openMs?: number;
  /** Default: either protocol over unix sockets and those of virtual machines. */
  readonly dial?: TaskDialer;
}

/** How long the controller is given to learn of a death, each time. */
const deathPausesMs = [10, 40] as const;

/** The task services of a daemon's pods. Connects to none before it is asked for it. */
export function createTaskServices(options: TaskServicesOptions): TaskServices {
  return new TaskServicesOfDaemon(options);
}

/** One pod's connection, from the first dial to its loss. */
interface Opening {
  readonly service: Promise<TaskService>;
  readonly leaving: AbortController;
}

class TaskServicesOfDaemon implements TaskServices {
  readonly #options: TaskServicesOptions;
  readonly #openings = new Map<string, Opening>();
  #isClosed = false;

  constructor(options: TaskServicesOptions) {
    this.#options = options;
  }

  async of(sandboxId: string, signal: AbortSignal): Promise<TaskService> {
    const doing = `opening the task service of sandbox "${sandboxId}"`;
    if (this.#isClosed) throw new StatusError(Code.Canceled, `${doing}: the daemon ends`);
    const { service } = this.#openings.get(sandboxId) ?? this.#begin(sandboxId, doing);
    return await waitFor(service, signal);
  }

  forget(sandboxId: string): void {
    const opening = this.#openings.get(sandboxId);
    this.#openings.delete(sandboxId);
    opening?.leaving.abort(new StatusError(Code.Canceled, `sandbox "${sandboxId}" goes`));
  }

  close(): void {
    this.#isClosed = true;
    for (const sandboxId of this.#openings.keys()) this.forget(sandboxId);
  }

  /** The work goes on when a caller leaves: others may wait for it, and the next one will. */
  #begin(sandboxId: string, doing: string): Opening {
    const leaving = new AbortController();
    const opening = { leaving, service: this.#open(sandboxId, leaving.signal, doing) };
    this.#openings.set(sandboxId, opening);
    const drop = (): void => {
      if (this.#openings.get(sandboxId) === opening) this.#openings.delete(sandboxId);
    };
    opening.service.then(({ closed }) => closed.then(drop), drop);
    return opening;
  }

  async #open(sandboxId: string, leaving: AbortSignal, doing: string): Promise<TaskService> {
    using budget = new Budget("the controller and its shim", this.#options.openMs ?? 30_000, leaving);
    const { signal } = budget;
    try {
      return await this.#connectToNext(sandboxId, leaving, signal);
    } catch (error) {
      throw StatusError.from(signal.aborted ? signal.reason : error, doing);
    }
  }

  /**
   * A shim may die between the controller's answer and the dial, and then the controller says what comes after it, as soon
   * as it knows of the death.
   */
  async #connectToNext(sandboxId: string, leaving: AbortSignal, signal: AbortSignal): Promise<TaskService> {
    for (const pauseMs of deathPausesMs) {
      try {
        return await this.#connect(sandboxId, leaving, signal);
      } catch (error) {
        const mayBeDying = hasCode(error, Code.NotFound) || hasCode(error, Code.Unavailable);
        if (!mayBeDying || signal.aborted) throw error;
      }
      await delay(pauseMs, undefined, { signal });
    }
    return await this.#connect(sandboxId, leaving, signal);
  }

  async #connect(sandboxId: string, leaving: AbortSignal, signal: AbortSignal): Promise<TaskService> {
    const { controllerOf, dial = dialTasks, namespace = "k8s.io", connectMs = 5_000 } = this.#options;
    const endpoint = await waitFor(controllerOf(sandboxId).endpoint(sandboxId, signal), signal);
    const link = await dial({ id: sandboxId, endpoint, namespace, timeoutMs: connectMs }, signal);
    const close = (): void => void link.close();
    if (leaving.aborted) {
      close();
      leaving.throwIfAborted();
    }
    leaving.addEventListener("abort", close, { once: true });
    const { tasks, process, closed } = link;
    return { sandboxId, endpoint, tasks, closed, ...(process === undefined ? {} : { process }) };
  }
}

const dialTasks: TaskDialer = async (dial, signal) => {
  const { client, ...rest } = await connectTasks(dial, signal);
  return { ...rest, closed: client.closed, close: () => client.close() };
};
