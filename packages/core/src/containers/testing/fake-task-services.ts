import { setTimeout as delay } from "node:timers/promises";

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { Status } from "@crib/wire/task";

import type { TaskClient, TaskService, TaskServices } from "../../tasks/types.ts";

/** A task as the shim would hold it. */
interface FakeTask {
  status: Status;
  readonly ended: PromiseWithResolvers<void>;
  exitStatus: number;
  exitedAt: Date;
}

/** What a test may make of calls: they fail, take until they are given up, or come back a while later. */
type Trouble = "fail" | "hang" | "slow";

/** Milliseconds that a slow call takes. */
const slowMs = 100;

/** One connection: when it is lost, so is every call over it. */
interface Connection {
  readonly lost: PromiseWithResolvers<StatusError>;
  isLost: boolean;
}

/** One task service for all pods, its tasks in memory. Its process ids are those of this very process. */
export class FakeTaskServices implements TaskServices {
  readonly tasks: Map<string, FakeTask> = new Map();
  /** Every call in order, `kill 15 ID` and so on. */
  readonly calls: string[] = [];
  /** By the name of the call. */
  readonly troubles: Map<string, Trouble> = new Map();
  /** What signal 15 does. Default: the task ends with 143. */
  onTerm: (id: string) => void = (id) => this.exit(id, 143);
  /** Told of each call that is about to be answered, `find` for that of the service: what it does happens in the very turn of the answer. */
  onAnswer: (call: string) => void = () => {};
  /** Set: the pod's controller is not configured any more. */
  isGone = false;
  #connection = connection();
  #isDead = false;

  async of(sandboxId: string): Promise<TaskService> {
    if (this.#isDead) throw new StatusError(Code.NotFound, `sandbox "${sandboxId}": its shim has died`);
    if (this.isGone) throw new StatusError(Code.FailedPrecondition, `sandbox "${sandboxId}": its controller is gone`);
    const current = this.#connection;
    this.onAnswer("find");
    return {
      sandboxId,
      endpoint: { protocol: "ttrpc", address: "unix:///nowhere", version: 3 },
      tasks: this.#client(current),
      closed: current.lost.promise,
    };
  }

  forget(): void {}
  close(): void {}

  /** The next service is over another connection. */
  disconnect(): void {
    this.#connection.isLost = true;
    this.#connection.lost.resolve(new StatusError(Code.Unavailable, "connection closed"));
    this.#connection = connection();
  }

  /** The task's process ends. */
  exit(id: string, exitStatus: number, exitedAt: Date = new Date()): void {
    const task = this.tasks.get(id);
    if (!task || task.status === Status.STOPPED) return;
    Object.assign(task, { status: Status.STOPPED, exitStatus, exitedAt });
    task.ended.resolve();
  }

  /** The shim dies with all that it knows. */
  die(): void {
    this.#isDead = true;
    this.tasks.clear();
    this.#connection.isLost = true;
    this.#connection.lost.resolve(new StatusError(Code.Unavailable, "connection lost"));
  }

  #client(over: Connection): TaskClient {
    const get = (id: string): FakeTask => {
      const task = this.tasks.get(id);
      if (task) return task;
      throw new StatusError(Code.NotFound, `container "${id}" not created`);
    };
    const call = async (name: string, id: string, signal: AbortSignal): Promise<void> => {
      if (over.isLost) throw await over.lost.promise;
      this.calls.push(`${name} ${id}`);
      const trouble = this.troubles.get(name.split(" ")[0] ?? "");
      if (trouble === "fail") throw new StatusError(Code.Internal, `${name}: it fails`);
      if (trouble === "hang") {
        const lost = over.lost.promise.then((error) => Promise.reject(error));
        await Promise.race([untilAborted(signal), lost]);
      }
      if (trouble === "slow") await delay(slowMs, undefined, { signal });
    };
    const client = {
      version: 3,
      hasAbandoned: false,
      create: async ({ id = "" }: { readonly id?: string }, signal: AbortSignal): Promise<number> => {
        await call("create", id, signal);
        if (this.tasks.has(id)) throw new StatusError(Code.AlreadyExists, `task "${id}": it exists already`);
        const ended = Promise.withResolvers<void>();
        this.tasks.set(id, { status: Status.CREATED, ended, exitStatus: 0, exitedAt: new Date(0) });
        this.onAnswer(`create ${id}`);
        return process.pid;
      },
      start: async (id: string, _execId: string, signal: AbortSignal): Promise<number> => {
        await call("start", id, signal);
        get(id).status = Status.RUNNING;
        this.onAnswer(`start ${id}`);
        return process.pid;
      },
      kill: async (
        { id = "", signal: number = 0 }: { readonly id?: string; readonly signal?: number },
        signal: AbortSignal,
      ): Promise<void> => {
        await call(`kill ${number}`, id, signal);
        if (get(id).status === Status.STOPPED) throw new StatusError(Code.NotFound, "process already finished");
        if (number === 9) this.exit(id, 137);
        else this.onTerm(id);
      },
      wait: async (id: string, _execId: string, signal: AbortSignal): Promise<object> => {
        const task = get(id);
        await Promise.race([
          task.ended.promise,
          over.lost.promise.then((error) => Promise.reject(error)),
          untilAborted(signal),
        ]);
        return { exitStatus: task.exitStatus, exitedAt: timestampFromDate(task.exitedAt) };
      },
      state: async (id: string): Promise<object> => {
        const { status, exitStatus, exitedAt } = get(id);
        return { status, pid: process.pid, exitStatus, exitedAt: timestampFromDate(exitedAt) };
      },
      delete: async (id: string, _execId: string, signal: AbortSignal): Promise<object> => {
        await call("delete", id, signal);
        get(id);
        this.tasks.delete(id);
        return {};
      },
      update: async ({ id = "" }: { readonly id?: string }, signal: AbortSignal): Promise<void> => {
        await call("update", id, signal);
        get(id);
      },
    };
    // The flows of containers use these calls only.
    return client as unknown as TaskClient;
  }
}

function connection(): Connection {
  return { lost: Promise.withResolvers(), isLost: false };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(StatusError.from(signal.reason, "calling"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
