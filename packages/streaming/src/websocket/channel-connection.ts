import type { WebSocket } from "ws";

import { lingerMs, pingMs } from "../flow-control/limits.ts";
import { ReceiveBudget } from "../flow-control/receive-budget.ts";
import type { ChannelCodec } from "./channel-codec.ts";
import { type ChannelDirections, type ChannelLink, ChannelStream } from "./channel-stream.ts";

/** Bytes that may wait in the socket before writers have to wait too. */
const maxBufferedBytes = 128 * 1024;

/** In place of a channel: the next byte is a channel whose sender is done (v5). */
const closeSignal = 255;

const normalClosure = 1000;
const policyViolation = 1008;

export interface ChannelConnectionOptions {
  readonly codec: ChannelCodec;
  /** Whether the peer may half-close a channel. */
  readonly halfClose: boolean;
  /** Called for everything read or written. */
  readonly onActivity: () => void;
}

/** Channels of bytes over one WebSocket, as Kubernetes' `channel.k8s.io` protocols have them. */
export class ChannelConnection {
  /** Settles when the connection is gone, with the reason if there is one. Never rejects. */
  readonly closed: Promise<Error | undefined>;
  readonly #closing = Promise.withResolvers<Error | undefined>();
  readonly #socket: WebSocket;
  readonly #options: ChannelConnectionOptions;
  readonly #channels = new Map<number, ChannelStream>();
  readonly #budget = new ReceiveBudget();
  readonly #link: ChannelLink;
  #state: "open" | "ending" | "closed" = "open";
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, options: ChannelConnectionOptions) {
    this.closed = this.#closing.promise;
    this.#socket = socket;
    this.#options = options;
    this.#link = {
      send: (channel, data, done) => this.#send(channel, data, done),
      hold: (stream) => this.#budget.hold(stream),
      release: (stream) => {
        this.#budget.release(stream);
        this.#balance();
      },
    };
    socket.on("message", (data) => this.#received(data as Buffer));
    socket.on("ping", options.onActivity);
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Adds a channel; each number once. */
  open(channel: number, directions: ChannelDirections): ChannelStream {
    const stream = new ChannelStream(this.#link, channel, directions);
    this.#channels.set(channel, stream);
    return stream;
  }

  /** Sends one message outside of any stream: a status, or an empty one. Settles when the socket has taken it, or never will. */
  async tell(channel: number, data: Buffer): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#socket.send(this.#options.codec.encode(channel, data), { binary: this.#options.codec.binary }, () =>
      resolve(),
    );
    await promise;
  }

  /** Closes behind all that was sent and waits until the peer has closed too, for two minutes. Idempotent. */
  async end(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "ending";
      clearInterval(this.#timer);
      this.#timer = setTimeout(() => this.destroy(), lingerMs).unref();
      this.#socket.resume();
      this.#socket.close(normalClosure);
    }
    await this.closed;
  }

  /** Drops the connection and all its channels. Idempotent. */
  destroy(reason?: Error): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#socket.terminate();
    for (const stream of this.#channels.values()) stream.connectionLost(reason);
    this.#closing.resolve(reason);
  }

  #send(channel: number, data: Buffer, done: (error?: Error | null) => void): void {
    this.#options.onActivity();
    const { codec } = this.#options;
    let mustWait = false;
    this.#socket.send(codec.encode(channel, data), { binary: codec.binary }, (error) => {
      if (mustWait) done(error);
    });
    mustWait = this.#socket.bufferedAmount > maxBufferedBytes;
    if (!mustWait) done();
  }

  #received(data: Buffer): void {
    this.#options.onActivity();
    if (this.#state !== "open") return;
    const message = this.#options.codec.decode(data);
    if (message === undefined) return;
    if (this.#options.halfClose && message.channel === closeSignal) return this.#halfClosed(message.data);
    this.#channels.get(message.channel)?.deliver(message.data);
    this.#balance();
  }

  #halfClosed(data: Buffer): void {
    if (data.length !== 1) return this.#socket.close(policyViolation, "half-close of no channel");
    // Clients close their side of all channels, also of those that they never write to.
    this.#channels.get(data[0]!)?.deliverEnd();
  }

  /** Stops or goes on reading, as the readers of the channels are able to follow. */
  #balance(): void {
    if (this.#state !== "open") return;
    const mustWait = this.#budget.isExhausted;
    if (mustWait === this.#socket.isPaused) return;
    clearInterval(this.#timer);
    if (mustWait) {
      this.#socket.pause();
      this.#timer = setInterval(() => this.#socket.ping(), pingMs).unref();
    } else {
      this.#socket.resume();
    }
  }
}
