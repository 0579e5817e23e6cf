import { Code, StatusError } from "@crib/errdefs";

/** Flag of compression and length, before each message. */
const prefixBytes = 5;

/** A message as it travels: not compressed, with its length before it. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixBytes);
  return frame;
}

/** Takes messages out of the bytes of a call, however they were cut. */
export class MessageFrames {
  readonly #limitBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether a message has begun and is not whole. */
  get isTorn(): boolean {
    return this.#rest.length > 0;
  }

  /** The messages that are whole now. ResourceExhausted for one over the limit, Internal for one that is compressed. */
  push(bytes: Buffer): readonly Buffer[] {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const messages: Buffer[] = [];
    while (rest.length >= prefixBytes) {
      const length = rest.readUInt32BE(1);
      if (rest[0] !== 0) throw new StatusError(Code.Internal, "a message is compressed, which nobody asked for");
      if (length > this.#limitBytes) {
        const why = `a message of ${length} bytes is over the limit of ${this.#limitBytes}`;
        throw new StatusError(Code.ResourceExhausted, why);
      }
      if (rest.length < prefixBytes + length) break;
      messages.push(rest.subarray(prefixBytes, prefixBytes + length));
      rest = rest.subarray(prefixBytes + length);
    }
    this.#rest = rest;
    return messages;
  }
}
