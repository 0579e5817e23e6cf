import { rm } from "node:fs/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { SandboxTasks } from "@crib/sandboxer";

import { bundlePath, hasBundle } from "./bundle.ts";
import { findRuntimeBinary } from "./runtime-binary.ts";
import { runcStateDir } from "./runtime-options.ts";
import { readShimRecord } from "./shim-record.ts";
import { resolveShimsOptions, type ShimsContext, shimEnvironment } from "./shims-context.ts";
import { runShimDelete } from "./start-shim.ts";
import type { RuntimeOptionValues, ShimsOptions } from "./types.ts";

/** How the runtime of a pod is called, where its bundle does not say. */
export interface TaskRuntime {
  readonly runtimeType: string;
  readonly runtimePath: string;
  readonly options: RuntimeOptionValues;
}

/** One task in the shim of another bundle. */
export interface OrphanedTask {
  readonly id: string;
  /** Whose shim it was in. */
  readonly sandboxId: string;
}

/** Deletes tasks whose shim cannot do it. */
export interface TaskDeleter {
  /**
   * Where the tasks of the pod are not this host's, all there is to do is to have the pod's controller forget it. Else has the shim's program delete the task from its bundle (containerd.md 2.5), which ends what the runtime has of it, and removes
   * the runtime's state. Kill its processes before. Idempotent; an unknown id succeeds.
   */
  remove(task: OrphanedTask, signal: AbortSignal): Promise<void>;
}

/** A pod whose tasks no runtime of this host has, and who is told that one of them is gone. */
export interface RemoteTasks {
  readonly table?: Pick<SandboxTasks, "remove">;
}

/**
 * `runtimeOf`: the runtime of a pod as configured; throws when it is not known any more. `remoteOf`: undefined for a pod whose tasks are
 * run on this host. Default: they all are.
 */
export function createTaskDeleter(
  options: ShimsOptions,
  runtimeOf: (sandboxId: string) => TaskRuntime,
  remoteOf: (sandboxId: string) => RemoteTasks | undefined = () => undefined,
): TaskDeleter {
  const context = resolveShimsOptions(options);
  return {
    async remove(task, signal): Promise<void> {
      const remote = remoteOf(task.sandboxId);
      if (remote !== undefined) return await remote.table?.remove(task.sandboxId, task.id, signal);
      const runtime = await findRuntime(context, task, runtimeOf);
      const stateDir = runcStateDir(runtime.runtimeType, runtime.options, context.namespace, task.id);
      if (await hasBundle(context.stateDir, task.id)) await deleteByProgram(context, task.id, runtime.binary, signal);
      // Left where the runtime could not be called; its processes are gone by now.
      if (stateDir !== undefined) await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** As the pod's bundle remembers it, so that it is right even when the handler is configured otherwise by now. */
async function findRuntime(
  { stateDir, path, runtimeDirs }: ShimsContext,
  { id, sandboxId }: OrphanedTask,
  runtimeOf: (sandboxId: string) => TaskRuntime,
): Promise<{ readonly runtimeType: string; readonly options: RuntimeOptionValues; readonly binary: string }> {
  const record = await readShimRecord(stateDir, sandboxId);
  if (record !== undefined && record.binary !== "") return record;
  try {
    const runtime = runtimeOf(sandboxId);
    return { ...runtime, binary: await findRuntimeBinary(runtime, { path, dirs: runtimeDirs }) };
  } catch (error) {
    throw StatusError.from(error, `deleting task "${id}"`);
  }
}

async function deleteByProgram(context: ShimsContext, id: string, binary: string, signal: AbortSignal): Promise<void> {
  const { stateDir, namespace, daemonAddress, publishBinary, budgets, log } = context;
  const command = { id, binary, bundle: bundlePath(stateDir, id), namespace, daemonAddress, publishBinary };
  try {
    const env = shimEnvironment(context, id);
    await runShimDelete({ ...command, env, deadlineMs: budgets.delete }, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (hasCode(error, Code.Canceled)) throw error;
    log("warn", "shim delete failed", { taskId: id, error: (error as Error).message });
  }
}
