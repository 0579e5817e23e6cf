import { Code, StatusError } from "@crib/errdefs";

import { ResetStatus } from "../spdy/frame.ts";
import type { SpdyConnection } from "../spdy/spdy-connection.ts";
import type { SpdyStream } from "../spdy/spdy-stream.ts";
import type { Session, SessionStreams, StreamChoice, StreamingLog } from "../types.ts";
import { type ClientEnds, endOutput } from "./client-ends.ts";
import { ResizeParser } from "./resize-parser.ts";
import { ResizeQueue } from "./resize-queue.ts";
import { formatStatus, type Outcome } from "./status.ts";

/** Versions of the remote command protocol over SPDY: 2 keeps stdin open, 3 has terminal sizes, 4 has a status as JSON. */
export type CommandVersion = 1 | 2 | 3 | 4;

const streamTypes = ["error", "stdin", "stdout", "stderr", "resize"] as const;
type StreamType = (typeof streamTypes)[number];

/** Gathers the streams that a SPDY client opens for a session; each is answered as it comes. */
export class StreamGathering {
  readonly #expected: ReadonlySet<StreamType>;
  readonly #found = new Map<StreamType, SpdyStream>();
  readonly #complete = Promise.withResolvers<ReadonlyMap<StreamType, SpdyStream>>();

  constructor(choice: StreamChoice, version: CommandVersion) {
    this.#expected = new Set(streamTypes.filter((type) => isExpected(type, choice, version)));
  }

  /** Takes a stream of a type that was not there yet and refuses all others. */
  add(stream: SpdyStream): void {
    const type = streamTypes.find((known) => known === stream.headers.get("streamtype"));
    if (type === undefined || this.#found.has(type)) return stream.refuse(ResetStatus.RefusedStream);
    stream.reply();
    this.#found.set(type, stream);
    if (!this.#expected.has(type)) stream.discard();
    if (this.#expected.difference(this.#found).size === 0) this.#complete.resolve(this.#found);
  }

  /** Settles when every stream that the session needs is there; DeadlineExceeded after `creationMs`. */
  async wait(creationMs: number, signal: AbortSignal): Promise<ReadonlyMap<StreamType, SpdyStream>> {
    const expire = (): void => {
      const missing = [...this.#expected.difference(this.#found)].join(", ");
      this.#complete.reject(
        new StatusError(Code.DeadlineExceeded, `waiting for a client's streams: ${missing} not opened`),
      );
    };
    // Not AbortSignal.timeout, which would hold every session until it fires.
    const timer = setTimeout(expire, creationMs).unref();
    signal.addEventListener("abort", expire);
    try {
      return await this.#complete.promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", expire);
    }
  }
}

function isExpected(type: StreamType, choice: StreamChoice, version: CommandVersion): boolean {
  if (type === "error") return true;
  return type === "resize" ? choice.tty && version >= 3 : choice[type];
}

/** The ends of a session over SPDY. */
export class SpdyEnds implements ClientEnds {
  readonly streams: SessionStreams;
  readonly #connection: SpdyConnection;
  readonly #found: ReadonlyMap<StreamType, SpdyStream>;
  readonly #resizes = new ResizeQueue();
  readonly #version: CommandVersion;
  readonly #log: StreamingLog;

  constructor(
    connection: SpdyConnection,
    session: Session,
    version: CommandVersion,
    found: ReadonlyMap<StreamType, SpdyStream>,
    log: StreamingLog,
  ) {
    this.#connection = connection;
    this.#found = found;
    this.#version = version;
    this.#log = log;
    const [stdin, stdout, stderr] = (["stdin", "stdout", "stderr"] as const).map((type) =>
      session[type] ? found.get(type) : undefined,
    );
    this.streams = {
      ...(stdin && { stdin }),
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      resizes: this.#resizes,
    };
    // Nothing is expected on these, but their end is, and a stream that nobody reads never ends.
    for (const output of [stdout, stderr, found.get("error")]) output?.discard();
    if (version === 1) stdin?.end(); // what v1 clients take as the sign that stdin is connected
    const parser = new ResizeParser((size) => this.#resizes.push(size));
    found.get("resize")?.on("data", (chunk: Buffer) => parser.push(chunk));
    void connection.closed.then(() => this.#resizes.end());
  }

  async finish(outcome: Outcome): Promise<void> {
    const { stdin, stdout, stderr } = this.streams;
    this.#resizes.end();
    (stdin as SpdyStream | undefined)?.discard();
    await Promise.all([endOutput(stdout, this.#log), endOutput(stderr, this.#log)]);
    const status = formatStatus(outcome, this.#version === 4 ? "json" : "text");
    const error = this.#found.get("error")!;
    if (status.length > 0) error.write(status);
    await endOutput(error, this.#log);
    // Clients stop reading their terminal when the server ends these.
    await Promise.all([
      endOutput(stdin as SpdyStream | undefined, this.#log),
      endOutput(this.#found.get("resize"), this.#log),
    ]);
    await this.#connection.end();
  }
}
