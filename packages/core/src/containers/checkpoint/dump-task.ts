import { open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { CheckpointOptionsSchema } from "@crib/wire/options";
import { Status } from "@crib/wire/task";

import type { TaskClient } from "../../tasks/types.ts";
import { keepEndingCheckpointProcesses } from "./checkpoint-processes.ts";

/** A task to be dumped. Both directories lie in a trusted one; CRIU's images go to `images`, which it makes, its log and figures to `work`. */
export interface TaskDump {
  readonly id: string;
  readonly images: string;
  readonly work: string;
}

/** Milliseconds for the shim to answer after the runtime was ended. */
const graceMs = 15_000;
const resumeTries = 5;
const resumeAgainMs = 500;
/** How much of CRIU's log is looked at, and how many of its errors are quoted. */
const tailBytes = 65_536;
const quotedErrors = 3;

/**
 * Has the runtime dump a paused task, which stays paused. On `signal` the runtime is ended, and the call settles when nothing works on the task
 * any more. Internal, with what CRIU says, when it cannot be dumped.
 */
export async function dumpTask(tasks: TaskClient, { id, images, work }: TaskDump, signal: AbortSignal): Promise<void> {
  const options = create(CheckpointOptionsSchema, {
    exit: false,
    openTcp: true,
    externalUnixSockets: true,
    fileLocks: true,
    workPath: work,
  });
  const packed = create(AnySchema, {
    typeUrl: CheckpointOptionsSchema.typeName,
    value: toBinary(CheckpointOptionsSchema, options),
  });
  signal.throwIfAborted();
  // The call itself is not given up: the shim would go on with it.
  const patience = new AbortController();
  const answered = new AbortController();
  let ending: Promise<void> | undefined;
  const end = (): void => {
    ending = keepEndingCheckpointProcesses(join(images, ".."), answered.signal);
    setTimeout(() => patience.abort(signal.reason), graceMs).unref();
  };
  signal.addEventListener("abort", end, { once: true });
  try {
    await tasks.checkpoint({ id, path: images, options: packed }, patience.signal, { timeoutMs: Infinity });
  } catch (reason) {
    signal.throwIfAborted();
    const error = StatusError.from(reason);
    const why = await criuErrors(join(work, "dump.log"));
    const code = error.code === Code.Unknown ? Code.Internal : error.code;
    throw new StatusError(code, why === "" ? error.message : `${error.message}; CRIU says: ${why}`, { cause: reason });
  } finally {
    signal.removeEventListener("abort", end);
    answered.abort();
    await ending;
  }
}

/** Has a task that was paused run again, also when it is not known whether it is paused. One that has ended is success. */
export async function resumeTask(tasks: TaskClient, id: string, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const { status } = await tasks.state(id, "", signal);
      if (status === Status.RUNNING || status === Status.STOPPED) return;
      return await tasks.resume(id, signal);
    } catch (reason) {
      if (hasCode(reason, Code.NotFound)) return;
      if (tries >= resumeTries) throw StatusError.from(reason, `having container "${id}" run again`);
    }
    await delay(resumeAgainMs, undefined, { signal });
  }
}

/** The last errors of CRIU's log; empty without one. */
async function criuErrors(path: string): Promise<string> {
  try {
    await using log = await open(path);
    const { size } = await log.stat();
    const { buffer, bytesRead } = await log.read(Buffer.alloc(tailBytes), 0, tailBytes, Math.max(0, size - tailBytes));
    const lines = buffer.toString("utf8", 0, bytesRead).split("\n");
    const errors = lines.filter((line) => /\bError \(/.test(line)).slice(-quotedErrors);
    // Paths of the container are quoted in it.
    return errors.map((line) => line.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 300)).join("; ");
  } catch {
    return ""; // it did not come that far; the runtime's own words are all there is
  }
}
