import type { Readable, Writable } from "node:stream";

import type { LogLimit } from "../containers/types.ts";

/** The log of a container, in the CRI format. */
export interface LogRequest {
  /** Absolute; its directory is made when missing (0755), the file is 0640 and appended to. */
  readonly path: string;
  /** One above it that is trusted: no symbolic link below is followed. Absent: those of all directories are. */
  readonly directory?: string;
  /** Bytes of one line; longer ones are cut into parts. Default of the CRI's implementations: 16,384. */
  readonly maxLineBytes: number;
  readonly limit?: LogLimit;
}

/** What the standard streams of a container's first process are opened with. */
export interface StdioRequest {
  /** Id of the container. */
  readonly id: string;
  /** Absolute directory for the FIFOs, below the bundle; made when missing. */
  readonly dir: string;
  readonly stdin: boolean;
  /** The process's input ends with the first client that attached to it. */
  readonly stdinOnce: boolean;
  /** One stream for both outputs. */
  readonly tty: boolean;
  /** Absent: output is read and thrown away. */
  readonly log?: LogRequest;
}

/** Paths of FIFOs, as the shim is told them; empty where there is none. */
export interface StdioPaths {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a client attaches with; what it does not want is absent. */
export interface AttachStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

/** The standard streams of a running container. Output is copied to the log by a thread of its own, clients or not. */
export interface ContainerStdio {
  readonly paths: StdioPaths;
  /** Settles when the log was opened anew and all that was read before is in the old file. */
  reopenLog(): Promise<void>;
  /**
   * Copies output to the client from now on, and its input to the process; any number of clients at a time. A client that does not read
   * holds up the container like the log does, for at most 30 s, then it is cut off. Settles when both outputs have ended, when
   * the client's output was closed, or with `signal`.
   */
  attach(streams: AttachStreams, signal: AbortSignal): Promise<void>;
  /** Settles when clients that have attached get all that the process writes from now on. */
  heeded(): Promise<void>;
  /** Waits until both outputs have ended and all of it is written; gives false when `timeoutMs` was over before. */
  drained(timeoutMs: number): Promise<boolean>;
  /** Stops copying, after what was read is written, and removes the FIFOs. Idempotent. */
  close(): Promise<void>;
}

/** The standard streams of all containers of a daemon. */
export interface Stdio extends AsyncDisposable {
  /** Makes the FIFOs and begins to copy. Leaves nothing when it fails. AlreadyExists for an id that is open. */
  open(request: StdioRequest, signal: AbortSignal): Promise<ContainerStdio>;
  /**
   * Takes up the FIFOs of an earlier daemon: nothing that the container wrote meanwhile is lost, unless it ended meanwhile and that daemon was
   * killed: then the last of its output was in FIFOs that nobody held open. A torn last line of the log is ended.
   */
  adopt(request: StdioRequest, signal: AbortSignal): Promise<ContainerStdio>;
  find(id: string): ContainerStdio | undefined;
  /** Writes out all that was read, and leaves the FIFOs for the next daemon: full, so that containers wait for it. */
  close(): Promise<void>;
}

/** The FIFOs of one additional process (exec), as streams of the main thread. */
export interface ExecStdio extends AsyncDisposable {
  readonly paths: StdioPaths;
  /** Ends when the process's output has; absent where not asked for. */
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  /** Absent where not asked for. Opens with the reader at the other end. */
  readonly stdin?: Writable;
  /** Stops reading and removes the FIFOs. Idempotent. */
  close(): Promise<void>;
}
