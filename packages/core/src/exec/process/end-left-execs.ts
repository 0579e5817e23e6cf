import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { Status } from "@crib/wire/task";

import type { TaskLog, TaskService } from "../../tasks/types.ts";
import { killGroup } from "./kill-group.ts";

/** A container that runs since before this daemon, and how its shim is asked. */
export interface LeftExecs {
  readonly containerId: string;
  readonly bundleDir: string;
  readonly service: Pick<TaskService, "endpoint" | "tasks">;
  readonly log: TaskLog;
}

/** Where the FIFOs of an additional process are, below its container's bundle. */
export function execDir(bundleDir: string, execId?: string): string {
  return join(bundleDir, "exec", execId ?? "");
}

/**
 * Ends what an earlier daemon ran in a container and removes its FIFOs: nobody can have its streams any more. To be called
 * when a running container is taken over, before anything new is run in it. Idempotent. Errors of the shim are logged,
 * and then the FIFOs stay for the next time.
 */
export async function endLeftExecs(left: LeftExecs, signal: AbortSignal): Promise<void> {
  const dir = execDir(left.bundleDir);
  const execIds = await listExecs(dir);
  await Promise.all(execIds.map((execId) => endExec(left, execId, signal)));
}

async function listExecs(dir: string): Promise<readonly string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw StatusError.from(error, `looking for execs in "${dir}"`);
  }
}

async function endExec(left: LeftExecs, execId: string, signal: AbortSignal): Promise<void> {
  const { containerId, bundleDir, service, log } = left;
  const { tasks } = service;
  const unlessUnknown = ignoring(Code.NotFound);
  try {
    await unlessUnknown(async () => {
      const { status, pid } = await tasks.state(containerId, execId, signal);
      if (status === Status.RUNNING) await endProcess(left, execId, pid, signal);
      if (status === Status.CREATED) await endHalfStarted(left, execId);
    });
    await unlessUnknown(async () => void (await tasks.delete(containerId, execId, signal)));
    await rm(execDir(bundleDir, execId), { recursive: true, force: true });
  } catch (error) {
    log("warn", "exec of an earlier daemon is left", { containerId, execId, error: (error as Error).message });
  }
}

/** For a killed process to show in the shim. */
const killMs = 2_000;

async function endProcess(left: LeftExecs, execId: string, pid: number, signal: AbortSignal): Promise<void> {
  const { containerId, service } = left;
  const { tasks } = service;
  killGroup(service, pid, containerId);
  // NotFound: it has gone, but the shim may not know that yet. Until then it deletes nothing.
  await ignoring(Code.NotFound)(() => tasks.kill({ id: containerId, execId, signal: 9 }, signal));
  await tasks.wait(containerId, execId, signal, { timeoutMs: killMs });
}

/**
 * Shims kill the runtime when whoever asked for a start goes, and then know of no process; one that it had started by then runs on, and
 * is in the runtime's pid file.
 */
async function endHalfStarted({ containerId, bundleDir, service }: LeftExecs, execId: string): Promise<void> {
  const text = await readFile(join(bundleDir, `${execId}.pid`), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const pid = Number(text);
  if (Number.isInteger(pid)) killGroup(service, pid, containerId);
}

function ignoring(code: Code): (work: () => Promise<void>) => Promise<void> {
  return async (work) => {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, code)) throw error;
    }
  };
}
