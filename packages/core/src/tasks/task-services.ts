import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, SandboxController, TaskEndpoint, TaskStdio } from "@crib/sandboxer";

import { Budget, waitFor } from "../flow/index.ts";
import { connectTasks } from "./endpoints/connect-tasks.ts";
import { bridgeStreams } from "./streams/bridge-streams.ts";
import { PodStreams } from "./streams/pod-streams.ts";
import { tellController } from "./table/tell-controller.ts";
import type { TaskClient, TaskLog, TaskService, TaskServices } from "./types.ts";

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

/** What is asked of a pod's controller. */
export type TaskController = Pick<SandboxController, "endpoint"> &
  Partial<Pick<SandboxController, "tasks" | "declares">>;

/** What `createTaskServices` is given. */
export interface TaskServicesOptions {
  /** The controller of a pod. Throws when there is no such pod. */
  readonly controllerOf: (sandboxId: string) => TaskController;
  /** containerd namespace. Default `k8s.io`. */
  readonly namespace?: string;
  /** For dialling and the first answer, in milliseconds. Default 5,000. */
  readonly connectMs?: number;
  /** For all of it, the start of a shim included, in milliseconds. Default 30,000. */
  readonly openMs?: number;
  /** Default: either protocol over unix sockets and those of virtual machines. */
  readonly dial?: TaskDialer;
  /** The tasks of a pod that run, with the FIFOs of their first processes: where these are bridged to streams, the streams are taken up again. Default: none. */
  readonly runningTasks?: (sandboxId: string) => readonly RunningTask[];
  readonly log?: TaskLog;
}

/** A task that runs since before the connection to its service, by its FIFOs. */
export interface RunningTask extends TaskStdio {
  readonly id: string;
}

/** Disposing of them leaves every task running, and what is on its way from one is brought to its FIFOs. */
export interface OpenTaskServices extends TaskServices, AsyncDisposable {
  /** Where the open connection of a pod leads to; undefined without one. Dials nobody. */
  endpointOf(sandboxId: string): TaskEndpoint | undefined;
}

/** How long the controller is given to learn of a death, each time. */
const deathPausesMs = [10, 40] as const;

/** The task services of a daemon's pods. Connects to none before it is asked for it. */
export function createTaskServices(options: TaskServicesOptions): OpenTaskServices {
  return new TaskServicesOfDaemon(options);
}

/** One pod's connection, from the first dial to its loss. */
interface Opening {
  readonly service: Promise<TaskService>;
  readonly leaving: AbortController;
  /** Once it is there. */
  endpoint?: TaskEndpoint;
}

/** The streams of one pod, which outlive a connection, and a controller: one that has gone still says where they were. */
interface KeptStreams {
  readonly streams: PodStreams;
  controller: TaskController;
}

class TaskServicesOfDaemon implements OpenTaskServices {
  readonly #options: TaskServicesOptions;
  readonly #openings = new Map<string, Opening>();
  readonly #streams = new Map<string, KeptStreams>();
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

  endpointOf(sandboxId: string): TaskEndpoint | undefined {
    return this.#openings.get(sandboxId)?.endpoint;
  }

  forget(sandboxId: string): void {
    this.disconnect(sandboxId);
    this.#streams.get(sandboxId)?.streams.stop();
    this.#streams.delete(sandboxId);
  }

  disconnect(sandboxId: string): void {
    const opening = this.#openings.get(sandboxId);
    this.#openings.delete(sandboxId);
    opening?.leaving.abort(new StatusError(Code.Canceled, `sandbox "${sandboxId}", or its controller, goes`));
  }

  close(): void {
    this.#isClosed = true;
    for (const sandboxId of [...this.#openings.keys(), ...this.#streams.keys()]) this.forget(sandboxId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#streams.values()].map(({ streams }) => streams.leave()));
    this.close();
  }

  /** The work goes on when a caller leaves: others may wait for it, and the next one will. */
  #begin(sandboxId: string, doing: string): Opening {
    const leaving = new AbortController();
    const opening: Opening = { leaving, service: this.#open(sandboxId, leaving.signal, doing) };
    this.#openings.set(sandboxId, opening);
    const drop = (): void => {
      if (this.#openings.get(sandboxId) === opening) this.#openings.delete(sandboxId);
    };
    // At once with the loss, before whoever waits for it asks for the next service.
    opening.service.then(({ endpoint, closed }) => {
      opening.endpoint = endpoint;
      return closed.then(drop);
    }, drop);
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
    const controller = this.#options.controllerOf(sandboxId);
    const endpoint = await waitFor(controller.endpoint(sandboxId, signal), signal);
    const link = await this.#dial(sandboxId, controller, endpoint, signal);
    const close = (): void => void link.close();
    if (leaving.aborted) {
      close();
      leaving.throwIfAborted();
    }
    leaving.addEventListener("abort", close, { once: true });
    const { closed } = link;
    // The death of whoever serves remote tasks ends none of them: another may serve them on.
    const process = isLocal(controller) ? link.process : undefined;
    const tasks = this.#attend(sandboxId, controller, endpoint, link.tasks);
    return { sandboxId, endpoint, tasks, closed, ...(process === undefined ? {} : { process }) };
  }

  async #dial(id: string, controller: TaskController, endpoint: TaskEndpoint, signal: AbortSignal): Promise<TaskLink> {
    const { dial = dialTasks } = this.#options;
    try {
      return await dial({ id, endpoint, ...this.#dialing() }, signal);
    } catch (error) {
      if (isLocal(controller) || !hasCode(error, Code.NotFound)) throw error;
      // Whether its tasks have ended is for the controller to say.
      throw new StatusError(Code.Unavailable, (error as Error).message, { cause: error });
    }
  }

  /** Does what the pod's controller, and the way its streams travel, ask for beside each call. */
  #attend(sandboxId: string, controller: TaskController, endpoint: TaskEndpoint, tasks: TaskClient): TaskClient {
    const { log = noLog, runningTasks } = this.#options;
    const { tasks: table } = controller;
    const told = table ? tellController(tasks, { sandboxId, controller: table, log }) : tasks;
    if (endpoint.io !== "streaming") return told;
    const streams = this.#streamsOf(sandboxId, controller);
    for (const { id, ...fifos } of runningTasks?.(sandboxId) ?? []) streams.resume({ id, execId: "" }, fifos);
    return bridgeStreams(told, streams);
  }

  #streamsOf(sandboxId: string, controller: TaskController): PodStreams {
    const known = this.#streams.get(sandboxId);
    if (known !== undefined) known.controller = controller;
    if (known !== undefined) return known.streams;
    const endpoint = (signal: AbortSignal): Promise<TaskEndpoint> =>
      waitFor(kept.controller.endpoint(sandboxId, signal), signal);
    const streams = new PodStreams({ sandboxId, endpoint, log: this.#options.log ?? noLog, ...this.#dialing() });
    const kept: KeptStreams = { streams, controller };
    this.#streams.set(sandboxId, kept);
    return streams;
  }

  #dialing(): { readonly namespace: string; readonly timeoutMs: number } {
    const { namespace = "k8s.io", connectMs = 5_000 } = this.#options;
    return { namespace, timeoutMs: connectMs };
  }
}

function isLocal({ declares }: TaskController): boolean {
  return declares?.localTasks !== false;
}

const noLog: TaskLog = () => {};

const dialTasks: TaskDialer = async (dial, signal) => {
  const { client, ...rest } = await connectTasks(dial, signal);
  return { ...rest, closed: client.closed, close: () => client.close() };
};
