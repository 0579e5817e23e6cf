import type { Any } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { Streaming } from "@crib/wire/streaming";

import { Budget, waitFor } from "../../flow/budget.ts";
import type { RpcClient, RpcStream } from "../../tasks/endpoints/connect-rpc.ts";
import { initMessage, readStreamMessage, type StreamMessage } from "./stream-messages.ts";

/** How a stream is opened. */
export interface PeerStreamOptions {
  /** Its name at the peer. Opening one that is open takes it over. */
  readonly id: string;
  /** Sent with the call. */
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** For the peer's word that it is ready, in milliseconds. */
  readonly timeoutMs: number;
}

type Method = typeof Streaming.method.stream;
type StreamCall = RpcStream<Method["input"], Method["output"]>;

/**
 * One byte stream of the Streaming service, over a connection of its own: where a protocol knows no flow control for each stream, one that
 * nobody reads would hold up all calls.
 */
export class PeerStream {
  readonly #client: RpcClient;
  readonly #stream: StreamCall;
  readonly #leaving: AbortController;
  #next: StreamMessage | undefined;

  private constructor(client: RpcClient, stream: StreamCall, leaving: AbortController) {
    this.#client = client;
    this.#stream = stream;
    this.#leaving = leaving;
  }

  /** Opens a stream over a connection, which belongs to it from now on, and waits for the peer to be ready. Leaves nothing when it fails. */
  static async open(client: RpcClient, options: PeerStreamOptions, signal: AbortSignal): Promise<PeerStream> {
    const doing = `opening stream "${options.id}"`;
    const leaving = new AbortController();
    using budget = new Budget(doing, options.timeoutMs, signal);
    const rpc = client.stream(Streaming.method.stream, { signal: leaving.signal, metadata: options.metadata });
    const stream = new PeerStream(client, rpc, leaving);
    try {
      await waitFor(stream.send(initMessage(options.id)), budget.signal);
      const first = await waitFor(stream.receive(), budget.signal);
      if (first === undefined) throw new StatusError(Code.Unavailable, "it ended before it began");
      stream.#next = first;
      return stream;
    } catch (error) {
      await stream.close();
      throw StatusError.from(budget.signal.aborted ? budget.signal.reason : error, doing);
    }
  }

  /** The next message; undefined after the last. Fails when the stream was cut. */
  async receive(): Promise<StreamMessage | undefined> {
    const first = this.#next;
    this.#next = undefined;
    if (first !== undefined) return first;
    const { done, value } = await this.#stream.responses.next();
    return done === true ? undefined : readStreamMessage(value);
  }

  /** Settles when more can be sent. */
  async send(message: Any): Promise<void> {
    await this.#stream.send(message);
  }

  /** Says that no message follows. */
  async closeSend(): Promise<void> {
    await this.#stream.closeSend();
  }

  /** Drops the stream and its connection. Repeating it is harmless. */
  async close(): Promise<void> {
    this.#leaving.abort(new StatusError(Code.Canceled, "the stream is left"));
    await this.#client.close();
  }
}
