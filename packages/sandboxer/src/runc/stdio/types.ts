import type { TerminalSize } from "@crib/linux";

/** The standard streams of one process, from before its start to its deletion. */
export interface ProcessIo extends Disposable {
  /** What the runtime is started on; undefined is nothing. */
  readonly fds: readonly [number, number, number] | undefined;
  /** What the runtime sends a terminal to; undefined without one. */
  readonly consoleSocket: string | undefined;
  /** The runtime has started the process: gives up what is the process' own now, and takes the terminal, which it waits for. */
  started(signal: AbortSignal): Promise<void>;
  /** The process reads the end of its input once the client, too, has closed it and all has been read. Idempotent. */
  closeStdin(): void;
  /** FailedPrecondition without a terminal. */
  resize(size: TerminalSize): void;
  /** Settles when all that the process has written is where the client reads it. Not before the process has ended. */
  drained(): Promise<void>;
  /** Closes everything. What the client has not read by then, and holds no end of, is lost. Idempotent. */
  [Symbol.dispose](): void;
}

/** What of a request says how the streams of a process shall be. */
export interface IoRequest {
  readonly terminal: boolean;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}
