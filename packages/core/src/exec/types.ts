import type { Duplex, Readable, Writable } from "node:stream";

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** What an additional process is started with. */
export interface ExecRequest {
  readonly args: readonly string[];
  readonly tty: boolean;
}

/** The client's ends; what it does not want is absent. */
export interface ExecStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Sizes as the client tells them. */
  readonly resizes?: AsyncIterable<TerminalSize>;
}

/** What a command said and how it ended. */
export interface ExecResult {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exitCode: number;
}

/** Additional processes in containers, and what goes in and out of pods. */
export interface Execs {
  /**
   * Runs a command to its end. Output beyond 16 MiB a stream is dropped. DeadlineExceeded when `timeoutMs` (0: none) is over;
   * the process is killed. A child that keeps the output open is waited for at most the drain time. NotFound;
   * FailedPrecondition when the container does not run.
   */
  execSync(id: string, request: ExecRequest & { readonly timeoutMs: number }, signal: AbortSignal): Promise<ExecResult>;
  /** Runs a command with a client's streams; gives its exit code. The process goes on when the client leaves. */
  exec(id: string, request: ExecRequest, streams: ExecStreams, signal: AbortSignal): Promise<number>;
  /**
   * Joins a client with the container's first process, until its output ends or the client leaves. Before the start as well: then the client
   * gets all of the output. Sizes of a terminal are for a process that is there.
   */
  attach(id: string, streams: ExecStreams, signal: AbortSignal): Promise<void>;
  /** Joins a client with a TCP port of the pod, IPv4 before IPv6. Settles when both directions have ended. */
  portForward(sandboxId: string, port: number, stream: Duplex, signal: AbortSignal): Promise<void>;
  /** Fails now with what `exec` would fail with: NotFound, FailedPrecondition. */
  checkRunning(id: string): void;
  /** The same for `attach`. */
  checkJoinable(id: string): void;
}
