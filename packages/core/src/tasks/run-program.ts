import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

/** A short-lived program that is run to its end. */
export interface ProgramRun {
  /** What it is called in errors. */
  readonly doing: string;
  readonly argv: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
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
  const [program, ...args] = run.argv;
  const child = spawn(program, args, {
    cwd: run.cwd,
    env: { ...run.env },
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
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
    feed(child.stdin, run.stdin);
    const exitCode = await ended(child, run.doing);
    if (killing.reason !== undefined) throw killing.reason;
    return { exitCode, stdout: stdout(), stderr: stderr() };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Kills the group of a child at most once, and remembers why. */
class Killing {
  reason: StatusError | undefined;
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  now(reason: StatusError): void {
    const { pid, exitCode, signalCode } = this.#child;
    this.reason ??= reason;
    // An unreaped child keeps its number, so the group is still the one that we made; a reaped one is left alone.
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
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

function feed(stdin: Writable, input: Uint8Array | undefined): void {
  stdin.on("error", () => undefined); // a program that does not read its input is not wrong
  stdin.end(input);
}

async function ended(child: Child, doing: string): Promise<number | null> {
  return await new Promise((resolve, reject) => {
    child.once("error", (error) => reject(StatusError.from(error, doing)));
    child.once("exit", (exitCode) => {
      const timer = setTimeout(() => resolve(exitCode), drainMs);
      child.once("close", () => {
        clearTimeout(timer);
        resolve(exitCode);
      });
    });
  });
}
