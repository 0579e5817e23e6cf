import { type ClientEnds, endOutput } from "../session/client-ends.ts";
import { ResizeParser } from "../session/resize-parser.ts";
import { ResizeQueue } from "../session/resize-queue.ts";
import { formatStatus, type Outcome, type StatusFormat } from "../session/status.ts";
import type { SessionStreams, StreamChoice, StreamingLog } from "../types.ts";
import type { ChannelConnection } from "./channel-connection.ts";
import type { ChannelStream } from "./channel-stream.ts";

/** The channels of exec and attach; the first three are numbered like file descriptors. */
const Channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

const input = { readable: true, writable: false };
const output = { readable: false, writable: true };

/** The ends of a session over a WebSocket. Its channels need no opening, so it is complete at once. */
export class WebSocketEnds implements ClientEnds {
  readonly streams: SessionStreams;
  readonly #connection: ChannelConnection;
  readonly #stdin: ChannelStream | undefined;
  readonly #resizes = new ResizeQueue();
  readonly #status: StatusFormat;
  readonly #log: StreamingLog;

  constructor(connection: ChannelConnection, choice: StreamChoice, status: StatusFormat, log: StreamingLog) {
    this.#connection = connection;
    this.#status = status;
    this.#log = log;
    this.#stdin = choice.stdin ? connection.open(Channel.stdin, input) : undefined;
    const stdout = choice.stdout ? connection.open(Channel.stdout, output) : undefined;
    const stderr = choice.stderr ? connection.open(Channel.stderr, output) : undefined;
    this.streams = {
      ...(this.#stdin && { stdin: this.#stdin }),
      ...(stdout && { stdout }),
      ...(stderr && { stderr }),
      resizes: this.#resizes,
    };
    const parser = new ResizeParser((size) => this.#resizes.push(size));
    connection.open(Channel.resize, input).on("data", (chunk: Buffer) => parser.push(chunk));
    void connection.closed.then(() => this.#resizes.end());
  }

  /** Tells the client that all is ready: an empty message on the lowest channel it reads. */
  async announce(): Promise<void> {
    const { stdout, stderr } = this.streams;
    const lowest = stdout ? Channel.stdout : stderr ? Channel.stderr : Channel.error;
    await this.#connection.tell(lowest, Buffer.alloc(0));
  }

  async finish(outcome: Outcome): Promise<void> {
    this.#resizes.end();
    this.#stdin?.discard();
    await Promise.all([endOutput(this.streams.stdout, this.#log), endOutput(this.streams.stderr, this.#log)]);
    const status = formatStatus(outcome, this.#status);
    // Also when there is nothing to say: what settles behind all output has to be behind all output.
    await this.#connection.tell(Channel.error, status);
    await this.#connection.end();
  }
}
