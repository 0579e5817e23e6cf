import { mkdirSync, rmSync } from "node:fs";

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { becomeChildSubreaper } from "@crib/linux";

import type { TaskApi, TaskApiCall } from "../tasks/types.ts";
import { cleanUpRuncTask } from "./clean-up.ts";
import { checkId } from "./identifiers.ts";
import { taskMetrics } from "./metrics/task-metrics.ts";
import { type ResolvedOptions, resolveOptions } from "./resolve-options.ts";
import { consoleDirectory } from "./runtime/runtime-settings.ts";
import { createTask } from "./tasks/create-task.ts";
import { deleteAbandoned } from "./tasks/delete-abandoned.ts";
import { listPids } from "./tasks/list-pids.ts";
import { OomWatch } from "./tasks/oom-watch.ts";
import { type ProcessExit, statusOf } from "./tasks/process-state.ts";
import type { RuncTask } from "./tasks/runc-task.ts";
import { readProcessSpec, startExec } from "./tasks/start-exec.ts";
import { TaskProcess } from "./tasks/task-process.ts";
import { Turns } from "./tasks/turns.ts";
import { waitForExit } from "./tasks/wait-for-exit.ts";
import type { RuncTasks, RuncTasksOptions } from "./types.ts";

/** 128 and SIGKILL. */
const killed = 137;

type Request<Name extends keyof TaskApi> = Parameters<TaskApi[Name]>[0];
type Answer<Name extends keyof TaskApi> = ReturnType<TaskApi[Name]>;

/**
 * containerd's task service on an OCI runtime (runc, crun), for any number of containers in this process: what containerd's runc shim
 * does, without its process for each pod. The process becomes a child subreaper, the parent of all containers; containers outlive it,
 * and `cleanUpRuncTask` removes such. A task that has ended and whose bundle is gone is deleted unasked: its container was removed while
 * the service could not be reached. For the main thread. Errors: `TaskApi`'s codes; what the runtime says is Unknown and worded
 * "OCI runtime create failed: ...".
 */
export function createRuncTasks(options: RuncTasksOptions): RuncTasks {
  const resolved = resolveOptions(options);
  const consoles = consoleDirectory(resolved.stateDir);
  // Sockets that a service before this one left.
  rmSync(consoles, { recursive: true, force: true });
  mkdirSync(consoles, { recursive: true, mode: 0o700 });
  becomeChildSubreaper();
  return new TasksOfRuntime(resolved);
}

class TasksOfRuntime implements RuncTasks {
  readonly #options: ResolvedOptions;
  readonly #tasks = new Map<string, RuncTask>();
  readonly #creating = new Set<string>();
  /** OCI processes of execs that have not been started. */
  readonly #specs = new WeakMap<TaskProcess, string>();
  readonly #disposed = new AbortController();
  readonly #oom: OomWatch | undefined;
  readonly #events = new Turns();

  constructor(options: ResolvedOptions) {
    this.#options = options;
    const { onEvent, log } = options;
    this.#oom = onEvent && new OomWatch((id) => onEvent({ kind: "oom", id }), log);
  }

  get size(): number {
    return this.#tasks.size + this.#creating.size;
  }

  async create(request: Request<"create">, { signal }: TaskApiCall): Answer<"create"> {
    const id = checkId("task", request.id);
    if (this.#disposed.signal.aborted) throw StatusError.from(this.#disposed.signal.reason, `creating task "${id}"`);
    if (this.#tasks.has(id) || this.#creating.has(id)) {
      throw new StatusError(Code.AlreadyExists, `creating task "${id}": it exists already`);
    }
    this.#creating.add(id);
    try {
      const task = await createTask(this.#options, request, AbortSignal.any([signal, this.#disposed.signal]));
      this.#tasks.set(id, task);
      if (task.parts.cgroup !== undefined) this.#oom?.add(id, task.parts.cgroup);
      void this.#announce(task.parts.init, id, "");
      const isKept = (): boolean => this.#tasks.get(id) === task;
      void deleteAbandoned(task, { isKept, remove: () => this.#delete(task), log: this.#options.log });
      return { pid: task.parts.init.pid };
    } finally {
      this.#creating.delete(id);
    }
  }

  async start({ id, execId }: Request<"start">, { signal }: TaskApiCall): Answer<"start"> {
    const task = this.#get(id);
    if (execId === "") return { pid: await task.start() };
    const exec = task.process(execId);
    return { pid: await startExec(task, execId, this.#specs.get(exec) ?? "", signal) };
  }

  async exec({ id, execId, spec, ...io }: Request<"exec">): Answer<"exec"> {
    const doing = `adding exec "${checkId("exec", execId)}" to task "${id}"`;
    const task = this.#get(id);
    if (task.execs.has(execId)) throw new StatusError(Code.AlreadyExists, `${doing}: it exists already`);
    if (task.parts.init.state.kind === "stopped") {
      throw new StatusError(Code.FailedPrecondition, `${doing}: its container is stopped`);
    }
    const exec = new TaskProcess(`exec "${execId}" of task "${id}"`, io);
    this.#specs.set(exec, readProcessSpec(doing, spec?.value ?? new Uint8Array(), io.terminal));
    task.execs.set(execId, exec);
    void this.#announce(exec, id, execId);
    return {};
  }

  async delete({ id, execId }: Request<"delete">): Answer<"delete"> {
    const task = this.#get(id);
    const { pid } = task.process(execId);
    const exit = execId === "" ? await this.#delete(task) : await task.deleteExec(execId);
    return { pid, ...exitFields(exit) };
  }

  async kill({ id, execId, signal, all }: Request<"kill">): Answer<"kill"> {
    const task = this.#get(id);
    if (execId === "") await task.kill(signal, all);
    else task.process(execId).signal(signal);
    return {};
  }

  async wait({ id, execId }: Request<"wait">, { signal }: TaskApiCall): Answer<"wait"> {
    const { exited, name } = this.#get(id).process(execId);
    return exitFields(await waitForExit(exited, name, AbortSignal.any([signal, this.#disposed.signal])));
  }

  async state({ id, execId }: Request<"state">): Answer<"state"> {
    const task = this.#get(id);
    const { state, pid, io } = task.process(execId);
    const exit = state.kind === "stopped" ? exitFields(state.exit) : {};
    return {
      id: execId === "" ? id : execId,
      execId,
      bundle: task.parts.bundle,
      pid,
      status: statusOf(state),
      ...io,
      ...exit,
    };
  }

  async pids({ id }: Request<"pids">): Answer<"pids"> {
    return { processes: await listPids(this.#get(id)) };
  }

  async stats({ id }: Request<"stats">): Answer<"stats"> {
    return { stats: await taskMetrics(this.#get(id)) };
  }

  async update({ id, resources }: Request<"update">): Answer<"update"> {
    const task = this.#get(id);
    if (resources === undefined) throw new StatusError(Code.InvalidArgument, `updating task "${id}": no resources`);
    await task.update(resources.value);
    return {};
  }

  async pause({ id }: Request<"pause">): Answer<"pause"> {
    await this.#get(id).pause();
    return {};
  }

  async resume({ id }: Request<"resume">): Answer<"resume"> {
    await this.#get(id).resume();
    return {};
  }

  async checkpoint({ id }: Request<"checkpoint">): Answer<"checkpoint"> {
    throw new StatusError(Code.Unimplemented, `checkpointing task "${this.#get(id).id}": not supported`);
  }

  async resizePty({ id, execId, width, height }: Request<"resizePty">): Answer<"resizePty"> {
    this.#get(id).process(execId).streams.resize({ columns: width, rows: height });
    return {};
  }

  async closeIO({ id, execId, stdin }: Request<"closeIO">): Answer<"closeIO"> {
    const found = this.#get(id).process(execId);
    if (stdin) found.streams.closeStdin();
    return {};
  }

  async connect({ id }: Request<"connect">): Answer<"connect"> {
    return { shimPid: process.pid, taskPid: this.#tasks.get(id)?.parts.init.pid ?? 0 };
  }

  /** Whether the process ends is its owner's decision; see `size`. */
  async shutdown(): Answer<"shutdown"> {
    return {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort(new StatusError(Code.Unavailable, "serving tasks: the service has ended"));
    const tasks = [...this.#tasks.values()];
    this.#tasks.clear();
    this.#oom?.[Symbol.dispose]();
    for (const task of tasks) task.release();
    if (this.#options.onDispose === "leave") return;
    const ends = await Promise.allSettled(tasks.map((task) => cleanUpRuncTask(this.#options, task.id)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  #get(id: string): RuncTask {
    const task = this.#tasks.get(id);
    if (task !== undefined) return task;
    throw new StatusError(Code.NotFound, `task "${id}": container not created`);
  }

  async #delete(task: RuncTask): Promise<ProcessExit> {
    // The count goes with the container.
    await this.#oom?.check(task.id);
    const exit = await task.delete();
    this.#oom?.remove(task.id);
    this.#tasks.delete(task.id);
    return exit;
  }

  async #announce(process: TaskProcess, id: string, execId: string): Promise<void> {
    const { exitStatus, exitedAt } = await process.exited;
    const { pid } = process;
    // One that never came to be has no end to tell of.
    if (pid === 0) return;
    // In the order in which they came, though the look between takes its time.
    await this.#events.run(async () => {
      if (exitStatus === killed) await this.#oom?.check(id);
      try {
        this.#options.onEvent?.({ kind: "exit", id, execId, pid, exitStatus, exitedAt });
      } catch (error) {
        this.#options.log("error", "telling of the end of a process", { taskId: id, execId, error: String(error) });
      }
    });
  }
}

function exitFields({ exitStatus, exitedAt }: ProcessExit): {
  exitStatus: number;
  exitedAt: ReturnType<typeof timestampFromDate>;
} {
  return { exitStatus, exitedAt: timestampFromDate(exitedAt) };
}
