import type { Duplex, Readable, Writable } from "node:stream";

/** A terminal's size in characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** Which streams a session has. */
export interface StreamChoice {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Never with a terminal. */
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** The client's streams. `stdin` ends when the client half-closes it. Writing waits while the client does not read. */
export interface SessionStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly resizes: AsyncIterable<TerminalSize>;
}

/**
 * One process or attachment to be joined with a client. `run` is called when the client has opened all its streams. The number it gives is the
 * exit code the client is told; a rejection is told as an internal error. `signal` is aborted when the client has left or was idle too long.
 */
export interface Session extends StreamChoice {
  readonly run: (streams: SessionStreams, signal: AbortSignal) => Promise<number>;
}

/** Ports to be joined with a client. `connect` is called for each connection; its rejection is told to the client and ends that connection only. */
export interface PortForward {
  /** Empty: the client says which (SPDY); WebSocket clients need them here. */
  readonly ports: readonly number[];
  readonly connect: (port: number, stream: Duplex, signal: AbortSignal) => Promise<void>;
}

export interface StreamingServerOptions {
  /** Address to listen at. Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (the default) is any free port. */
  readonly port?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Base of the URLs that are handed out where clients reach the server by another name. Default: as listened. */
  readonly baseUrl?: string;
  /** Milliseconds that a URL may be used after it was given. Default 60,000. */
  readonly tokenMs?: number;
  /** URLs that may wait for their client. Default 1,000. */
  readonly maxTokens?: number;
  /** Sessions and port-forwarding connections at once; a client beyond gets status 503. Default 1,000. */
  readonly maxSessions?: number;
  /** Milliseconds without a byte in either direction after which a session ends. Default 4 hours. */
  readonly idleMs?: number;
  /** Milliseconds that a client has to open its streams. Default 30,000. */
  readonly creationMs?: number;
  readonly log: StreamingLog;
}

/** Takes what the rest of the program should know; a constant message, values as fields. */
export interface StreamingLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Serves sessions to clients that come with a URL: one token of 128 random bits, one session. */
export interface StreamingServer extends AsyncDisposable {
  /** Where it listens; known after `listen`. */
  readonly url: string;
  listen(): Promise<void>;
  /** URL of a session under `/exec/`. ResourceExhausted when too many wait. InvalidArgument for streams that exclude each other. */
  exec(session: Session): string;
  /** The same under `/attach/`. */
  attach(session: Session): string;
  /** The same under `/portforward/`. */
  portForward(forward: PortForward): string;
  /** Takes no new clients and ends the sessions. Idempotent. */
  close(): Promise<void>;
}
