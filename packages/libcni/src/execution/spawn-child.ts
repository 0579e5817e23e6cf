import type { Readable } from "node:stream";

/** A program that is to be started as the leader of a session and process group of its own. */
export interface SpawnRequest {
  /** Absolute. */
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Becomes the program's standard input; stays the caller's. */
  readonly stdinFd: number;
}

/** A program that was started. */
export interface SpawnedChild {
  readonly pid: number;
  /** Nothing is lost between the start and the first listener. */
  readonly stdout: Readable;
  /** As `stdout`. */
  readonly stderr: Readable;
  /** Settles when the program itself has ended and is reaped, even if its output is still open. Never rejects. */
  readonly exit: Promise<{ readonly exitCode: number | null; readonly signal: string | null }>;
}

/**
 * Starts a program. Throws or rejects with the errno as `code`, its own or its cause's, when it cannot be started; then
 * nothing runs.
 */
export type SpawnChild = (request: SpawnRequest) => SpawnedChild | Promise<SpawnedChild>;
