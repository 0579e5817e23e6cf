import { Code, StatusError } from "@crib/errdefs";

import { flagFin, frameHeaderBytes, frameVersion } from "./frame.ts";

/** Bytes a control frame may have; those of Kubernetes clients stay below 200. */
const maxControlBytes = 32 * 1024;

/** Takes frames as they are read. */
export interface FrameSink {
  control(type: number, flags: number, payload: Buffer): void;
  /** A piece of a DATA frame, as it arrived: long frames are never gathered. `fin` comes with the last piece of the stream. */
  data(streamId: number, piece: Buffer, fin: boolean): void;
}

interface DataFrame {
  readonly streamId: number;
  readonly fin: boolean;
  left: number;
}

/** Splits a stream of bytes into SPDY/3 frames. Holds at most one control frame that is not complete. */
export class FrameDecoder {
  readonly #sink: FrameSink;
  #pending: Buffer = Buffer.alloc(0);
  #data: DataFrame | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** InvalidArgument when the bytes are no SPDY/3 or a control frame is too long; nothing can be read afterwards. */
  push(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (rest.length > 0) {
      const taken = this.#data === undefined ? this.#readFrame(rest) : this.#readData(this.#data, rest);
      if (taken === 0) break;
      rest = rest.subarray(taken);
    }
    // A copy, so that a few bytes do not hold the memory of a whole chunk.
    this.#pending = Buffer.from(rest);
  }

  #readData(frame: DataFrame, bytes: Buffer): number {
    const piece = bytes.subarray(0, frame.left);
    frame.left -= piece.length;
    if (frame.left === 0) this.#data = undefined;
    this.#sink.data(frame.streamId, piece, frame.fin && frame.left === 0);
    return piece.length;
  }

  #readFrame(bytes: Buffer): number {
    if (bytes.length < frameHeaderBytes) return 0;
    const first = bytes.readUInt32BE(0);
    const second = bytes.readUInt32BE(4);
    const flags = second >>> 24;
    const length = second & 0xffffff;
    if (first >>> 31 === 0) return this.#startData(first, flags, length);
    const version = (first >>> 16) & 0x7fff;
    if (version !== frameVersion)
      throw new StatusError(Code.InvalidArgument, `reading a frame: version ${version} is not ${frameVersion}`);
    if (length > maxControlBytes) {
      throw new StatusError(
        Code.InvalidArgument,
        `reading a frame: ${length} bytes of control frame, limit ${maxControlBytes}`,
      );
    }
    const end = frameHeaderBytes + length;
    if (bytes.length < end) return 0;
    this.#sink.control(first & 0xffff, flags, bytes.subarray(frameHeaderBytes, end));
    return end;
  }

  #startData(streamId: number, flags: number, length: number): number {
    if (streamId === 0) throw new StatusError(Code.InvalidArgument, "reading a frame: data of stream 0");
    const fin = (flags & flagFin) !== 0;
    if (length > 0) this.#data = { streamId, fin, left: length };
    else this.#sink.data(streamId, Buffer.alloc(0), fin);
    return frameHeaderBytes;
  }
}
