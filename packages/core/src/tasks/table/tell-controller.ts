import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { SandboxProcess, SandboxTask, SandboxTasks, TaskMount } from "@crib/sandboxer";

import type { TaskClient, TaskLog } from "../types.ts";
import { changedTasks } from "./changed-tasks.ts";

/** For taking back what the controller was told, in milliseconds: the caller waits for it. */
const takeBackMs = 5_000;

/** Who is told. */
export interface TellControllerOptions {
  readonly sandboxId: string;
  readonly controller: SandboxTasks;
  readonly log: TaskLog;
}

type CreateRequest = Parameters<TaskClient["create"]>[0];
type ExecRequest = Parameters<TaskClient["exec"]>[0];

/**
 * A task client that tells the pod's controller of each task and process before it is made and after it is gone (sandboxers.md 2.4). What could
 * not be made is taken back there; a deletion counts only once the controller knows of it, so that a repeated one tells it again.
 */
export function tellController(tasks: TaskClient, options: TellControllerOptions): TaskClient {
  const { sandboxId, controller } = options;
  const forget = (id: string, execId: string, signal: AbortSignal): Promise<void> =>
    execId === "" ? controller.remove(sandboxId, id, signal) : controller.removeProcess(sandboxId, id, execId, signal);
  const orTakeBack = async <T>(id: string, execId: string, make: () => Promise<T>): Promise<T> => {
    try {
      return await make();
    } catch (error) {
      await takeBack(options, { id, execId }, error, (signal) => forget(id, execId, signal));
      throw error;
    }
  };
  return changedTasks(tasks, {
    create: async (request, signal, call) => {
      const task = await sandboxTask(request);
      return await orTakeBack(task.id, "", async () => {
        await controller.add(sandboxId, task, signal);
        return await tasks.create(request, signal, call);
      });
    },
    exec: async (request, signal, call) => {
      const { id = "" } = request;
      const process = sandboxProcess(request);
      await orTakeBack(id, process.execId, async () => {
        await controller.addProcess(sandboxId, id, process, signal);
        await tasks.exec(request, signal, call);
      });
    },
    delete: async (id, execId, signal, call) => {
      try {
        const answer = await tasks.delete(id, execId, signal, call);
        await forget(id, execId, signal);
        return answer;
      } catch (error) {
        if (hasCode(error, Code.NotFound)) await forget(id, execId, signal);
        throw error;
      }
    },
  });
}

/** Never fails: why the thing could not be made is what the caller must learn. */
async function takeBack(
  { sandboxId, log }: TellControllerOptions,
  { id, execId }: { readonly id: string; readonly execId: string },
  reason: unknown,
  forget: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  // It is there, by somebody else's doing, and needs what was prepared for it.
  if (hasCode(reason, Code.AlreadyExists)) return;
  try {
    await forget(AbortSignal.timeout(takeBackMs));
  } catch (error) {
    const fields = { sandboxId, taskId: id, ...(execId && { execId }), error: (error as Error).message };
    log("warn", "controller still counts a task that was not made", fields);
  }
}

async function sandboxTask(request: CreateRequest): Promise<SandboxTask> {
  const { id = "", bundle = "", rootfs = [], stdin = "", stdout = "", stderr = "" } = request;
  const path = join(bundle, "config.json");
  let spec: string;
  try {
    spec = await readFile(path, "utf8");
  } catch (error) {
    throw StatusError.from(error, `reading the specification of task "${id}" from "${path}"`);
  }
  const mounts: readonly TaskMount[] = rootfs.map(({ type = "", source = "", target = "", options = [] }) => ({
    type,
    source,
    target,
    options: [...options],
  }));
  const bundled: TaskMount = { type: "bind", source: join(bundle, "rootfs"), target: "", options: ["rbind", "rw"] };
  return { id, spec, rootfs: mounts.length > 0 ? mounts : [bundled], stdin, stdout, stderr };
}

function sandboxProcess(request: ExecRequest): SandboxProcess {
  const { execId = "", spec, stdin = "", stdout = "", stderr = "" } = request;
  return { execId, process: Buffer.from(spec?.value ?? []).toString("utf8"), stdin, stdout, stderr };
}
