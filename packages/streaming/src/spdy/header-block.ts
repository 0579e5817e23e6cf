import { Code, StatusError } from "@crib/errdefs";

/** Header fields by lower-case name. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** Fields a block may have; Kubernetes clients send up to four. */
const maxFields = 64;

/** Bytes of a field before its name and value: their two lengths. */
const fieldOverhead = 8;

/** Writes name/value pairs (SPDY protocol draft 3, section 2.6.10), not yet compressed. */
export function encodeHeaders(headers: SpdyHeaders): Buffer {
  const parts = [word(headers.size)];
  for (const [name, value] of headers) {
    for (const text of [name.toLowerCase(), value]) {
      const bytes = Buffer.from(text, "utf8");
      parts.push(word(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/**
 * Reads name/value pairs; of several values of one name the first. Each number is compared with what is left of the block before anything is
 * allocated for it. Names get lower case: Go's clients send them so, others do not always.
 */
export function decodeHeaders(block: Buffer): SpdyHeaders {
  const reader = new BlockReader(block);
  const count = reader.word();
  if (count > maxFields || count * fieldOverhead > reader.left) {
    throw new StatusError(Code.InvalidArgument, `reading a header block: ${count} fields in ${block.length} bytes`);
  }
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const name = reader.text().toLowerCase();
    const [value = ""] = reader.text().split("\0", 1);
    if (!headers.has(name)) headers.set(name, value);
  }
  if (reader.left > 0)
    throw new StatusError(Code.InvalidArgument, `reading a header block: ${reader.left} bytes too many`);
  return headers;
}

function word(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

class BlockReader {
  #offset = 0;
  readonly #block: Buffer;

  constructor(block: Buffer) {
    this.#block = block;
  }

  get left(): number {
    return this.#block.length - this.#offset;
  }

  word(): number {
    return this.#take(4).readUInt32BE();
  }

  text(): string {
    return this.#take(this.word()).toString("utf8");
  }

  #take(bytes: number): Buffer {
    if (bytes > this.left) {
      throw new StatusError(
        Code.InvalidArgument,
        `reading a header block: ${bytes} bytes announced, ${this.left} left`,
      );
    }
    this.#offset += bytes;
    return this.#block.subarray(this.#offset - bytes, this.#offset);
  }
}
