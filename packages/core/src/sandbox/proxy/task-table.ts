import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { SandboxProcess, SandboxTask, SandboxTasks } from "@crib/sandboxer";

import type { TaskLog } from "../../tasks/index.ts";
import type { Turns } from "../../tasks/turns.ts";
import type { PodMemories, PodMemory, TableProcess, TableTask } from "./pod-memory.ts";
import type { SandboxerConfig } from "./types.ts";

/** What the tables of tasks stand on. */
export interface TaskTablesOptions {
  readonly sandboxer: string;
  readonly updates: SandboxerConfig["taskUpdates"];
  readonly memories: PodMemories;
  /** Everything that changes what is remembered of a sandbox takes its turn. */
  readonly turns: Turns;
  /** Sends a whole table. */
  readonly send: (sandboxId: string, tasks: readonly TableTask[], signal: AbortSignal) => Promise<void>;
  /** Whether the boundary has ended: then nobody has to be told of what was in it. */
  readonly isOver: (sandboxId: string) => boolean;
  readonly log: TaskLog;
}

/** A change of a table; undefined when it says what is there. */
type Edit = (tasks: readonly TableTask[]) => readonly TableTask[] | undefined;

/**
 * The table of each sandbox's tasks, by which its sandboxer learns what to prepare and to take back: the whole of it is sent with each
 * change, and it is on disk before it is sent.
 */
export class TaskTables implements SandboxTasks {
  readonly #options: TaskTablesOptions;
  /** Sandboxes whose sandboxer has been told of all there is, as far as is known. */
  readonly #told = new Set<string>();
  #understood: "yes" | "no" | "unknown";

  constructor(options: TaskTablesOptions) {
    this.#options = options;
    this.#understood = { on: "yes", off: "no", auto: "unknown" }[options.updates] as "yes" | "no" | "unknown";
  }

  /** Whether the sandboxer is told of tasks. */
  get understood(): "yes" | "no" | "unknown" {
    return this.#understood;
  }

  async add(sandboxId: string, task: SandboxTask, signal: AbortSignal): Promise<void> {
    const doing = `telling of task "${task.id}" of sandbox "${sandboxId}"`;
    const line = tableTask(task, doing);
    await this.#add(sandboxId, doing, signal, (tasks) => [...tasks.filter(({ task_id }) => task_id !== task.id), line]);
  }

  async remove(sandboxId: string, taskId: string, signal: AbortSignal): Promise<void> {
    await this.#remove(sandboxId, signal, (tasks) =>
      tasks.some(({ task_id }) => task_id === taskId) ? tasks.filter(({ task_id }) => task_id !== taskId) : undefined,
    );
  }

  async addProcess(sandboxId: string, taskId: string, process: SandboxProcess, signal: AbortSignal): Promise<void> {
    const doing = `telling of process "${process.execId}" of task "${taskId}" of sandbox "${sandboxId}"`;
    const line = tableProcess(process, doing);
    const { execId } = process;
    await this.#add(sandboxId, doing, signal, (tasks) =>
      withProcesses(tasks, taskId, (all) => [...all.filter(({ exec_id }) => exec_id !== execId), line]),
    );
  }

  async removeProcess(sandboxId: string, taskId: string, execId: string, signal: AbortSignal): Promise<void> {
    await this.#remove(sandboxId, signal, (tasks) =>
      tasks.some(({ task_id, processes }) => task_id === taskId && processes.some(({ exec_id }) => exec_id === execId))
        ? withProcesses(tasks, taskId, (all) => all.filter(({ exec_id }) => exec_id !== execId))
        : undefined,
    );
  }

  /** The sandboxer may have forgotten what it was told. */
  forgetTold(): void {
    this.#told.clear();
  }

  /** The sandbox goes. */
  drop(sandboxId: string): void {
    this.#told.delete(sandboxId);
  }

  async #add(id: string, doing: string, signal: AbortSignal, edit: Edit): Promise<void> {
    const { turns, memories } = this.#options;
    if (this.#understood === "no") return;
    await turns.take(id, async () => {
      signal.throwIfAborted();
      const memory = await memories.load(id);
      const tasks = memory?.tasks;
      if (!tasks) throw new StatusError(Code.DataLoss, `${doing}: its table of tasks is lost`);
      if (!this.#told.has(id) && tasks.length > 0) await this.#tell(id, tasks, [], signal);
      const next = edit(tasks);
      // Whether it is a mistake, or the task is older than the sandboxer's understanding of tables, only the sandboxer can tell.
      if (next === undefined && this.#understood === "unknown") await this.#tell(id, tasks, [], signal);
      if (this.#understood === "no") return;
      if (next === undefined) throw new StatusError(Code.NotFound, `${doing}: there is no such task`);
      await this.#addLine(id, { ...memory, tasks }, next, signal);
    });
  }

  async #addLine(
    id: string,
    memory: PodMemory & { readonly tasks: readonly TableTask[] },
    next: readonly TableTask[],
    signal: AbortSignal,
  ): Promise<void> {
    const { memories } = this.#options;
    await memories.write(id, { ...memory, tasks: next });
    try {
      await this.#tell(id, next, memory.tasks, signal);
    } catch (reason) {
      // It may have been heard all the same: the next removal, or addition, sends the table once more.
      this.#told.delete(id);
      await memories.write(id, memory);
      throw reason;
    }
    if (this.#understood === "no") await memories.write(id, memory);
  }

  async #remove(id: string, signal: AbortSignal, edit: Edit): Promise<void> {
    const { turns, memories, isOver } = this.#options;
    if (this.#understood === "no") return;
    await turns.take(id, async () => {
      const memory = await memories.load(id);
      // What is lost must not keep a task from being removed.
      if (memory?.tasks === undefined) return;
      const next = edit(memory.tasks);
      if (next === undefined && this.#told.has(id)) return;
      if (next !== undefined) await memories.write(id, { ...memory, tasks: next });
      if (isOver(id)) return;
      this.#told.delete(id);
      try {
        await this.#tell(id, next ?? memory.tasks, memory.tasks, signal);
      } catch (reason) {
        // Neither who does not know the sandbox nor who knows no tables has anything of the task to take back.
        if (!hasCode(reason, Code.NotFound) && !hasCode(reason, Code.Unimplemented)) throw reason;
      }
    });
  }

  /** Sends a table. With `auto`, an answer that shows that the sandboxer knows none of this ends it for good. */
  async #tell(
    id: string,
    tasks: readonly TableTask[],
    former: readonly TableTask[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#understood === "no") return;
    try {
      await this.#options.send(id, tasks, signal);
      if (this.#understood === "unknown") this.#understood = "yes";
      this.#told.add(id);
    } catch (reason) {
      const isForeign = this.#understood === "unknown" && (await this.#isForeign(id, reason, former, signal));
      // The table of another sandbox may have shown it meanwhile.
      if (this.understood === "no") return;
      if (!isForeign) throw reason;
      this.#understood = "no";
      const { sandboxer, log } = this.#options;
      log("info", "sandboxer is told of no tasks", { sandboxer, reason: (reason as Error).message });
    }
  }

  /** Whether an error means that updates are not known at all. What is wrong with one task is not wrong with the table without it. */
  async #isForeign(id: string, reason: unknown, former: readonly TableTask[], signal: AbortSignal): Promise<boolean> {
    if (hasCode(reason, Code.Unimplemented)) return true;
    if (!hasCode(reason, Code.InvalidArgument)) return false;
    try {
      await this.#options.send(id, former, signal);
      this.#understood = "yes";
      return false;
    } catch (second) {
      return hasCode(second, Code.InvalidArgument) || hasCode(second, Code.Unimplemented);
    }
  }
}

function withProcesses(
  tasks: readonly TableTask[],
  taskId: string,
  change: (processes: readonly TableProcess[]) => readonly TableProcess[],
): readonly TableTask[] | undefined {
  if (!tasks.some(({ task_id }) => task_id === taskId)) return undefined;
  return tasks.map((task) => (task.task_id === taskId ? { ...task, processes: change(task.processes) } : task));
}

function tableTask({ id, spec, rootfs, stdin, stdout, stderr }: SandboxTask, doing: string): TableTask {
  return {
    task_id: id,
    spec: parseJson(spec, doing),
    // Kuasar reads one name, iSulad writes the other.
    rootfs: rootfs.map(({ type, source, target = "", options }) => ({
      destination: target,
      target,
      type,
      source,
      options,
    })),
    stdin,
    stdout,
    stderr,
    processes: [],
  };
}

function tableProcess({ execId, process, stdin, stdout, stderr }: SandboxProcess, doing: string): TableProcess {
  return { exec_id: execId, spec: parseJson(process, doing), stdin, stdout, stderr };
}

function parseJson(text: string, doing: string): unknown {
  try {
    return JSON.parse(text);
  } catch (reason) {
    throw new StatusError(Code.InvalidArgument, `${doing}: its specification is no JSON`, { cause: reason });
  }
}
