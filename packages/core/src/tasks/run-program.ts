import { closeSync } from "node:fs";
import type { Readable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";
import { openMemoryFile, type SpawnedProcess, spawnProcess } from "@crib/linux";

/** A short-lived program that is run to its end. */
export interface ProgramRun {
  /** What it is called in errors. */
  readonly doing: string;
  /** The program is an absolute path. */
  readonly argv: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Default: nothing. */
  readonly stdin?: Uint8Array;
  readonly deadlineMs: number;
  /** Standard output beyond this is an error; of standard error the first part is kept. Bytes. */
  readonly limitBytes: number;
}

/** How it ended. */
export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** How long output may lag behind the exit. What inherits the pipes and keeps them open is not waited for. */
const drainMs = 250;

/**
 * Runs a program in a session and process group of its own. At the deadline (DeadlineExceeded), on abort and when it
 * floods its output (ResourceExhausted) the whole group is killed, and the call ends when the program has been reaped.
 * The exit code is the caller's to judge.
 */
export async function runProgram(run: ProgramRun, signal: AbortSignal): Promise<ProgramEnd> {
  signal.throwIfAborted();
  const child = start(run);
  const killing = new Killing(child);
  const timer = setTimeout(() => {
    killing.now(new StatusError(Code.DeadlineExceeded, `${run.doing}: no end within ${run.deadlineMs} ms`));
  }, run.deadlineMs);
  const aborted = (): void => killing.now(StatusError.from(signal.reason, run.doing));
  signal.addEventListener("abort", aborted, { once: true });
  try {
    const flooded = (): void =>
      killing.now(new StatusError(Code.ResourceExhausted, `${run.doing}: more than ${run.limitBytes} bytes of output`));
    const stdout = collect(child.stdout, run.limitBytes, flooded);
    const stderr = collect(child.stderr, run.limitBytes, () => undefined);
    const exitCode = await ended(child);
    if (killing.reason !== undefined) throw killing.reason;
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function start(run: ProgramRun): SpawnedProcess {
  const [path, ...args] = run.argv;
  // A file, since it needs nobody to feed it and a program that does not read it is not wrong.
  const stdinFd = run.stdin === undefined ? undefined : openMemoryFile(run.stdin);
  try {
    return spawnProcess({ path, args, env: run.env, cwd: run.cwd, stdinFd });
  } catch (error) {
    throw StatusError.from(error, run.doing);
  } finally {
    if (stdinFd !== undefined) closeSync(stdinFd);
  }
}

/** Kills the group of a child at most once, and remembers why. */
class Killing {
  reason: StatusError | undefined;
  readonly #child: SpawnedProcess;

  constructor(child: SpawnedProcess) {
    this.#child = child;
  }

  now(reason: StatusError): void {
    this.reason ??= reason;
    // Does nothing once the program is reaped: what it left behind is not ours to end.
    this.#child.kill("SIGKILL");
  }
}

function collect(stream: Readable, limitBytes: number, flooded: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("error", () => undefined); // a broken pipe ends the output; the exit code tells the rest
  stream.on("data", (chunk: Buffer) => {
    if (size + chunk.length > limitBytes) flooded();
    const kept = chunk.subarray(0, Math.max(0, limitBytes - size));
    size += kept.length;
    if (kept.length > 0) chunks.push(kept);
  });
  return () => Buffer.concat(chunks);
}

async function ended(child: SpawnedProcess): Promise<number | null> {
  const closed = [child.stdout, child.stderr].map(
    (stream) => new Promise<void>((resolve) => stream.once("close", resolve)),
  );
  const { exitCode } = await child.exit;
  let timer: NodeJS.Timeout | undefined;
  const drained = new Promise<void>((resolve) => (timer = setTimeout(resolve, drainMs)));
  await Promise.race([Promise.all(closed), drained]);
  clearTimeout(timer);
  return exitCode;
}
