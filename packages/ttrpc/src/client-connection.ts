import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import type { CallScope } from "./call-scope.ts";
import { Connection } from "./connection.ts";
import { encodeRequest } from "./envelope.ts";
import type { ReceivedFrame } from "./frame-reader.ts";
import { defaultMaxMessageBytes, FrameType } from "./frame.ts";
import { mergeMetadata } from "./metadata.ts";
import { callingMethod, type NamedMethod } from "./method-messages.ts";
import type { ClientOptions, MetadataEntries } from "./types.ts";

/** Who gets the frames of a stream, until it leaves. Neither method may throw. */
export interface FrameReceiver {
  receive(frame: ReceivedFrame): void;
  /** The connection is lost: no frame follows. */
  lose(reason: StatusError): void;
}

/** What opens a stream. */
export interface OpenRequest {
  readonly method: NamedMethod;
  readonly flags: number;
  readonly payload: Uint8Array | undefined;
  readonly metadata: MetadataEntries | undefined;
  readonly scope: CallScope;
}

/** The client's half of the protocol: opens streams and brings each frame to its stream. */
export class ClientConnection {
  readonly connection: Connection;
  readonly closed: Promise<StatusError>;
  readonly maxMessageBytes: number;
  readonly #metadata: MetadataEntries | undefined;
  readonly #receivers = new Map<number, FrameReceiver>();
  #nextStreamId = 1;

  constructor(socket: Duplex, options: ClientOptions) {
    const closed = Promise.withResolvers<StatusError>();
    this.closed = closed.promise;
    this.maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
    this.#metadata = options.metadata === undefined ? undefined : [...options.metadata];
    this.connection = new Connection(socket, {
      maxMessageBytes: this.maxMessageBytes,
      holdWhenBlocked: false,
      onFrame: (frame) => this.#route(frame),
      onClosed: (reason) => {
        const receivers = [...this.#receivers.values()];
        this.#receivers.clear();
        for (const receiver of receivers) receiver.lose(reason);
        closed.resolve(reason);
      },
    });
  }

  /** Sends the request that opens a stream and returns the stream's id. Waits for nothing. */
  open(request: OpenRequest, receiver: FrameReceiver): number {
    const payload = encodeRequest({
      service: request.method.parent.typeName,
      method: request.method.name,
      payload: request.payload,
      timeoutNano: request.scope.remainingNanos,
      metadata: mergeMetadata(this.#metadata, request.metadata),
    });
    this.connection.assertFits(payload, callingMethod(request.method));
    if (this.#nextStreamId > 0xffff_ffff) throw new StatusError(Code.Unavailable, "ttrpc: all stream ids are used up");
    // Taking the id and writing the frame is one step: ids must increase in the order they are sent.
    const streamId = this.#nextStreamId;
    this.connection.send({ streamId, type: FrameType.Request, flags: request.flags, payload });
    this.#nextStreamId += 2;
    this.#receivers.set(streamId, receiver);
    return streamId;
  }

  /** Waits for the socket to drain, or throws once the caller gives up. Look at `blocked` again afterwards. */
  drained(scope: CallScope): Promise<void> {
    return new Promise((resolve, reject) => {
      scope.whenAbandoned(reject);
      this.connection.drained().then(resolve, reject);
    });
  }

  /** Drops the rest of a stream: what still comes for it is ignored. */
  leave(streamId: number): void {
    this.#receivers.delete(streamId);
  }

  #route(frame: ReceivedFrame): void {
    if (frame.type !== FrameType.Response && frame.type !== FrameType.Data) {
      throw new Error(`frame of type ${frame.type} from a server`);
    }
    this.#receivers.get(frame.streamId)?.receive(frame);
  }
}
