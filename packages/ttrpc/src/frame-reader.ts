import { type Frame, frameHeaderBytes } from "./frame.ts";

/** A frame as received. The payload of an over-long one is `undefined`: it is dropped, never held. */
export interface ReceivedFrame extends Omit<Frame, "payload"> {
  readonly payload: Uint8Array | undefined;
  /** What the header says the payload has. */
  readonly payloadBytes: number;
}

type Header = Omit<ReceivedFrame, "payload">;

/**
 * Cuts a byte stream into frames. Holds no more than about two frames of `maxMessageBytes`, however small the chunks: memory
 * follows what arrived, not what a header promises, and over-long payloads are skipped as they come.
 */
export class FrameReader {
  readonly #maxMessageBytes: number;
  /** Bytes `#start` to `#end` are not read yet. Bytes before `#end` never change, since payloads are views of them. */
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #header: Header | undefined;
  #skip = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Adds received bytes. They now belong to the reader. */
  push(chunk: Uint8Array): void {
    const skipped = Math.min(this.#skip, chunk.length);
    this.#skip -= skipped;
    if (skipped < chunk.length) this.#append(chunk.subarray(skipped));
  }

  /** Whether a frame has begun and not ended. */
  get insideFrame(): boolean {
    return this.#end > this.#start || this.#header !== undefined || this.#skip > 0;
  }

  /** The next whole frame, or `undefined` until more bytes come. An over-long frame is reported once its header is known. */
  next(): ReceivedFrame | undefined {
    const header = (this.#header ??= this.#readHeader());
    if (header === undefined) return undefined;
    if (header.payloadBytes > this.#maxMessageBytes) {
      this.#header = undefined;
      const present = Math.min(header.payloadBytes, this.#end - this.#start);
      this.#start += present;
      this.#skip = header.payloadBytes - present;
      return { ...header, payload: undefined };
    }
    if (this.#end - this.#start < header.payloadBytes) return undefined;
    this.#header = undefined;
    return { ...header, payload: this.#take(header.payloadBytes) };
  }

  #readHeader(): Header | undefined {
    if (this.#end - this.#start < frameHeaderBytes) return undefined;
    const bytes = this.#take(frameHeaderBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return {
      payloadBytes: view.getUint32(0),
      streamId: view.getUint32(4),
      type: view.getUint8(8),
      flags: view.getUint8(9),
    };
  }

  #take(count: number): Uint8Array {
    const bytes = this.#buffer.subarray(this.#start, this.#start + count);
    this.#start += count;
    return bytes;
  }

  #append(bytes: Uint8Array): void {
    const unread = this.#end - this.#start;
    if (unread === 0) {
      // A socket's chunks are Buffers; the payloads, which end up in messages, are to be plain.
      this.#buffer = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length);
      this.#start = 0;
      this.#end = bytes.length;
      return;
    }
    if (this.#end + bytes.length > this.#buffer.length) {
      // Twice what is needed, so that a frame in many chunks is copied a few times only.
      const larger = new Uint8Array(2 * (unread + bytes.length));
      larger.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = larger;
      this.#start = 0;
      this.#end = unread;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}
