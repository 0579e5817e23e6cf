import { Code, StatusError } from "@crib/errdefs";

import { flagFin, FrameType } from "./frame.ts";
import { decodeHeaders, type SpdyHeaders } from "./header-block.ts";
import { HeaderInflater } from "./header-compression.ts";

/** Takes what control frames say. */
export interface ControlSink {
  synStream(streamId: number, headers: SpdyHeaders, fin: boolean): void;
  synReply(streamId: number, fin: boolean): void;
  reset(streamId: number, status: number): void;
  ping(id: number): void;
  headers(streamId: number, fin: boolean): void;
}

const streamIdMask = 0x7fffffff;

/** Checks control frames and hands on those that matter. SETTINGS, GOAWAY and WINDOW_UPDATE are checked and dropped, unknown types dropped. */
export class ControlReader {
  readonly #sink: ControlSink;
  readonly #inflater = new HeaderInflater();

  constructor(sink: ControlSink) {
    this.#sink = sink;
  }

  /** InvalidArgument for a frame that breaks the protocol; the connection must end then. */
  read(type: number, flags: number, payload: Buffer): void {
    const fin = (flags & flagFin) !== 0;
    switch (type) {
      case FrameType.SynStream:
        return this.#sink.synStream(streamId(payload, 10), this.#inflate(payload, 10), fin);
      case FrameType.SynReply:
        // The fields are of no use here, but the compression of all later blocks goes on from them.
        this.#inflate(payload, 4);
        return this.#sink.synReply(streamId(payload, 4), fin);
      case FrameType.Headers:
        this.#inflate(payload, 4);
        return this.#sink.headers(streamId(payload, 4), fin);
      case FrameType.RstStream:
        requireLength(payload, 8, "RST_STREAM");
        return this.#sink.reset(streamId(payload, 8), payload.readUInt32BE(4));
      case FrameType.Ping:
        requireLength(payload, 4, "PING");
        return this.#sink.ping(payload.readUInt32BE(0));
      case FrameType.Settings:
        return checkSettings(payload);
      case FrameType.GoAway:
        return requireLength(payload, 8, "GOAWAY");
      case FrameType.WindowUpdate:
        return requireLength(payload, 8, "WINDOW_UPDATE");
      default:
    }
  }

  #inflate(payload: Buffer, offset: number): SpdyHeaders {
    requireAtLeast(payload, offset);
    return decodeHeaders(this.#inflater.inflate(payload.subarray(offset)));
  }
}

function streamId(payload: Buffer, minimum: number): number {
  requireAtLeast(payload, minimum);
  const id = payload.readUInt32BE(0) & streamIdMask;
  if (id === 0) throw new StatusError(Code.InvalidArgument, "reading a control frame: stream 0");
  return id;
}

function requireAtLeast(payload: Buffer, bytes: number): void {
  if (payload.length < bytes)
    throw new StatusError(Code.InvalidArgument, `reading a control frame: ${payload.length} bytes of ${bytes}`);
}

function requireLength(payload: Buffer, bytes: number, name: string): void {
  if (payload.length !== bytes)
    throw new StatusError(Code.InvalidArgument, `reading ${name}: ${payload.length} bytes instead of ${bytes}`);
}

function checkSettings(payload: Buffer): void {
  requireAtLeast(payload, 4);
  const entries = payload.readUInt32BE(0);
  if (entries * 8 !== payload.length - 4) {
    throw new StatusError(Code.InvalidArgument, `reading SETTINGS: ${entries} entries in ${payload.length} bytes`);
  }
}
