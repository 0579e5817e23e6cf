import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { openProcessIo } from "../stdio/open-process-io.ts";
import type { RuncTask } from "./runc-task.ts";
import type { TaskProcess } from "./task-process.ts";

/** Reads the OCI process of a request and gives it the terminal that the request asks for. InvalidArgument for what is none. */
export function readProcessSpec(doing: string, value: Uint8Array, terminal: boolean): string {
  try {
    const spec: unknown = JSON.parse(Buffer.from(value).toString());
    if (typeof spec === "object" && spec !== null && !Array.isArray(spec)) return JSON.stringify({ ...spec, terminal });
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `${doing}: ${(error as Error).message}`, { cause: error });
  }
  throw new StatusError(Code.InvalidArgument, `${doing}: no OCI process`);
}

/**
 * Runs an exec and gives its pid. FailedPrecondition when it was started before, or its container does not run. One that cannot be
 * started has ended.
 */
export async function startExec(task: RuncTask, execId: string, spec: string, signal: AbortSignal): Promise<number> {
  const exec = task.process(execId);
  const doing = `starting exec "${execId}" of task "${task.id}"`;
  if (exec.state.kind !== "registered") throw new StatusError(Code.FailedPrecondition, `${doing}: already started`);
  const { directory, runtime, init } = task.parts;
  if (init.state.kind !== "running") {
    throw new StatusError(Code.FailedPrecondition, `${doing}: its container is ${init.state.kind}`);
  }
  const processFile = join(directory, `exec-${execId}.json`);
  using streams = new DisposableStack();
  try {
    writeFileSync(processFile, spec, { mode: 0o600 });
    const io = streams.use(await openProcessIo(exec.io, runtime.settings));
    const how = { stdio: io.fds, consoleSocket: io.consoleSocket, signal };
    exec.adopt(await runtime.exec(processFile, how), "running");
    await io.started(signal);
    exec.attach(io);
    streams.move();
    return exec.pid;
  } catch (error) {
    endFailed(exec);
    throw error;
  } finally {
    rmSync(processFile, { force: true });
  }
}

const failedExit = 255;

/** One that runs without the terminal that it was promised is of no use. */
function endFailed(exec: TaskProcess): void {
  if (exec.state.kind === "registered") exec.end(failedExit);
  else if (exec.state.kind !== "stopped") exec.signal(9);
}
