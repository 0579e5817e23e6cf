/** Bytes of the header before each frame's payload: connection id and payload length, in network order. */
export const trunkHeaderBytes = 8;

/** The largest payload of a frame: one ttrpc message of 4 MiB with its header. */
export const maxTrunkPayloadBytes: number = 10 + (4 << 20);

/**
 * Cuts what comes by a trunk into pieces of payloads. Frames are not put together: each connection's payloads are a stream of bytes,
 * so that nothing is allocated for a length that a header only claims.
 */
export class TrunkReader {
  readonly #onPayload: (id: number, bytes: Uint8Array) => void;
  readonly #header = Buffer.alloc(trunkHeaderBytes);
  #headerBytes = 0;
  #id = 0;
  #payloadLeft = 0;

  constructor(onPayload: (id: number, bytes: Uint8Array) => void) {
    this.#onPayload = onPayload;
  }

  /** Whether a frame has begun and not ended. */
  get insideFrame(): boolean {
    return this.#headerBytes > 0 || this.#payloadLeft > 0;
  }

  /** Takes received bytes. Throws on a frame over the limit; the trunk cannot be read on after that. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payloadLeft > 0) {
        const bytes = chunk.subarray(at, at + this.#payloadLeft);
        at += bytes.length;
        this.#payloadLeft -= bytes.length;
        this.#onPayload(this.#id, bytes);
        continue;
      }
      const wanted = Math.min(trunkHeaderBytes - this.#headerBytes, chunk.length - at);
      this.#header.set(chunk.subarray(at, at + wanted), this.#headerBytes);
      at += wanted;
      this.#headerBytes += wanted;
      if (this.#headerBytes === trunkHeaderBytes) this.#readHeader();
    }
  }

  #readHeader(): void {
    this.#headerBytes = 0;
    this.#id = this.#header.readUInt32BE(0);
    const length = this.#header.readUInt32BE(4);
    if (length > maxTrunkPayloadBytes) {
      throw new RangeError(`a frame of ${length} bytes is over the limit of ${maxTrunkPayloadBytes}`);
    }
    this.#payloadLeft = length;
    // An empty frame is allowed and says nothing, but its connection must exist.
    if (length === 0) this.#onPayload(this.#id, new Uint8Array(0));
  }
}
