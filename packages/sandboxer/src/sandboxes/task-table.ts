import { Code, StatusError } from "@crib/errdefs";

import type { TaskEntry } from "../records/sandbox-record.ts";
import type { SandboxProcess, SandboxTasks, TaskMount, TaskStdio } from "../types.ts";

/** The extension in which a client sends the whole task table of a sandbox. */
export const tasksExtension = "tasks";

type Json = Readonly<Record<string, unknown>>;

/** Reads the JSON of the task table, as iSulad and Kuasar have it; InvalidArgument with the place of what is wrong. */
export function parseTaskTable(text: string): readonly TaskEntry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse("not JSON");
  }
  const tasks = listIn(objectAt(value, "the table"), "tasks", "tasks").map(parseTask);
  const twice = tasks.find(({ id }, index) => tasks.findIndex((other) => other.id === id) !== index);
  if (twice !== undefined) throw refuse(`task "${twice.id}" is there twice`);
  return tasks;
}

/** One change of the task table. */
export type TaskChange = { readonly after: readonly TaskEntry[]; readonly tell: TellTasks };

type TellTasks = (tasks: SandboxTasks, sandboxId: string, signal: AbortSignal) => Promise<void>;

/**
 * What has to be told, one after the other, to come from one table to the next, with the table after each: first what goes, then what comes. Tasks and
 * processes are known by their ids alone, which are never used again.
 */
export function taskChanges(before: readonly TaskEntry[], after: readonly TaskEntry[]): readonly TaskChange[] {
  const changes: TaskChange[] = [];
  let table = before;
  const change = (next: readonly TaskEntry[], tell: TellTasks): void => {
    table = next;
    changes.push({ after: next, tell });
  };
  for (const task of before) {
    const wanted = after.find(({ id }) => id === task.id);
    for (const { execId } of task.processes) {
      if (wanted?.processes.some((process) => process.execId === execId) === true) continue;
      change(withoutProcess(table, task.id, execId), (tasks, id, signal) =>
        tasks.removeProcess(id, task.id, execId, signal),
      );
    }
    if (wanted === undefined) {
      change(
        table.filter(({ id }) => id !== task.id),
        (tasks, id, signal) => tasks.remove(id, task.id, signal),
      );
    }
  }
  for (const { processes, ...task } of after) {
    if (!table.some(({ id }) => id === task.id)) {
      change([...table, { ...task, processes: [] }], (tasks, id, signal) => tasks.add(id, task, signal));
    }
    for (const process of processes) {
      const known = table.find(({ id }) => id === task.id)?.processes;
      if (known?.some(({ execId }) => execId === process.execId) === true) continue;
      change(withProcess(table, task.id, process), (tasks, id, signal) =>
        tasks.addProcess(id, task.id, process, signal),
      );
    }
  }
  return changes;
}

function withoutProcess(table: readonly TaskEntry[], taskId: string, execId: string): readonly TaskEntry[] {
  return table.map((task) =>
    task.id === taskId ? { ...task, processes: task.processes.filter((process) => process.execId !== execId) } : task,
  );
}

function withProcess(table: readonly TaskEntry[], taskId: string, process: SandboxProcess): readonly TaskEntry[] {
  return table.map((task) => (task.id === taskId ? { ...task, processes: [...task.processes, process] } : task));
}

function parseTask(value: unknown): TaskEntry {
  const task = objectAt(value, "a task");
  const id = idIn(task, "task_id", "a task");
  const where = `task "${id}"`;
  return {
    id,
    spec: jsonIn(task, "spec", where),
    rootfs: listIn(task, "rootfs", where).map((mount) => parseMount(mount, where)),
    ...stdioIn(task, where),
    processes: listIn(task, "processes", where).map((process) => parseProcess(process, where)),
  };
}

function parseProcess(value: unknown, where: string): SandboxProcess {
  const process = objectAt(value, `a process of ${where}`);
  const execId = idIn(process, "exec_id", `a process of ${where}`);
  return { execId, process: jsonIn(process, "spec", where), ...stdioIn(process, where) };
}

/** iSulad calls the target of a mount `target`, Kuasar `destination`. */
function parseMount(value: unknown, where: string): TaskMount {
  const mount = objectAt(value, `a mount of ${where}`);
  const target = textIn(mount, "target", where) || textIn(mount, "destination", where);
  const options = listIn(mount, "options", where);
  if (!options.every((option) => typeof option === "string"))
    throw refuse(`options of a mount of ${where} are no texts`);
  return {
    type: textIn(mount, "type", where),
    source: textIn(mount, "source", where),
    ...(target === "" ? {} : { target }),
    options,
  };
}

function stdioIn(value: Json, where: string): TaskStdio {
  return {
    stdin: textIn(value, "stdin", where),
    stdout: textIn(value, "stdout", where),
    stderr: textIn(value, "stderr", where),
  };
}

function idIn(value: Json, key: string, where: string): string {
  const id = textIn(value, key, where);
  if (id === "") throw refuse(`${where} has no ${key}`);
  return id;
}

/** Absent is empty, as serialisers leave out what is. */
function textIn(value: Json, key: string, where: string): string {
  const text = value[key] ?? "";
  if (typeof text !== "string") throw refuse(`${key} of ${where} is no text`);
  return text;
}

function listIn(value: Json, key: string, where: string): readonly unknown[] {
  const list = value[key] ?? [];
  if (!Array.isArray(list)) throw refuse(`${key} of ${where} is no list`);
  return list;
}

/** A part that is passed on as it is; a text is taken for JSON already. */
function jsonIn(value: Json, key: string, where: string): string {
  const part = value[key] ?? {};
  if (typeof part === "string") return part;
  return JSON.stringify(objectAt(part, `${key} of ${where}`));
}

function objectAt(value: unknown, where: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse(`${where} is no object`);
  return value as Json;
}

function refuse(why: string): StatusError {
  return new StatusError(Code.InvalidArgument, `reading extensions.${tasksExtension}: ${why}`);
}
