/** Magic numbers, little endian (RFC 8878, "Zstandard Frames" and "Skippable Frames"). */
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const dictionaryBytes = [0, 1, 2, 4] as const;
const contentBytes = [0, 2, 4, 8] as const;

/** What the next bytes are: collected whole, since a chunk may end within. */
type Part = "magic" | "skippable-size" | "descriptor" | "header" | "block" | "invalid";

/**
 * Finds where the frames of a zstd stream end, from their headers. Node's decompressor stops at the end of a frame unless its input ends
 * there too, and several frames are usual: each file of a zstd:chunked layer has one, and parallel compressors make them.
 */
export class ZstdFrames {
  #part: Part = "magic";
  #partBytes = 4;
  /** The longest part is a header with a dictionary and a size of content. */
  readonly #head: Buffer = Buffer.alloc(16);
  #headFill = 0;
  /** Bytes to pass over before the next part, and whether a frame ends after them. */
  #skip = 0;
  #isLast = false;
  #descriptor = 0;
  #windowBytes = 0;

  /** Whether the end of the last chunk is none of a frame. */
  get isWithin(): boolean {
    return this.#part !== "magic" || this.#headFill > 0;
  }

  /** What the decompressor keeps of the frame whose header was last seen: what came before, as far as it may be referred to. */
  get windowBytes(): number {
    return this.#windowBytes;
  }

  /** Where the frame that is at `start` of a chunk ends, the chunk's end when it goes on. */
  endOfFrame(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip > 0) return at;
      if (this.#isLast) {
        this.#endFrame();
        return at;
      }
      if (this.#part === "invalid") return chunk.length;
      at = this.#collect(chunk, at);
    }
    // An end that needs no more bytes is one now.
    if (this.#skip === 0 && this.#isLast) this.#endFrame();
    return at;
  }

  #endFrame(): void {
    this.#isLast = false;
    this.#expect("magic", 4);
  }

  #collect(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#partBytes - this.#headFill);
    chunk.copy(this.#head, this.#headFill, at, end);
    this.#headFill += end - at;
    if (this.#headFill === this.#partBytes) {
      this.#headFill = 0;
      this.#take();
    }
    return end;
  }

  #expect(part: Part, bytes: number): void {
    this.#part = part;
    this.#partBytes = bytes;
  }

  #take(): void {
    if (this.#part === "magic") this.#takeMagic(this.#head.readUInt32LE());
    else if (this.#part === "descriptor") this.#takeDescriptor(this.#head.readUInt8());
    else if (this.#part === "header") this.#takeHeader();
    else if (this.#part === "block") this.#takeBlock(this.#head.readUIntLE(0, 3));
    else {
      this.#skip = this.#head.readUInt32LE();
      this.#isLast = true;
    }
  }

  #takeMagic(magic: number): void {
    if (magic === frameMagic) this.#expect("descriptor", 1);
    else if ((magic & 0xfffffff0) >>> 0 === skippableMagic) this.#expect("skippable-size", 4);
    // The decompressor will say what is wrong.
    else this.#expect("invalid", 0);
  }

  #takeDescriptor(descriptor: number): void {
    this.#descriptor = descriptor;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const flag = descriptor >> 6;
    const content = flag === 0 && isSingleSegment ? 1 : (contentBytes[flag] as number);
    this.#expect("header", (isSingleSegment ? 0 : 1) + (dictionaryBytes[descriptor & 3] as number) + content);
  }

  #takeHeader(): void {
    const isSingleSegment = (this.#descriptor & 0x20) !== 0;
    if (isSingleSegment) {
      const at = dictionaryBytes[this.#descriptor & 3] as number;
      const bytes = this.#partBytes - at;
      // More than fits six bytes is refused by the decompressor; two bytes count from 256.
      this.#windowBytes = this.#head.readUIntLE(at, Math.min(bytes, 6)) + (bytes === 2 ? 256 : 0);
    } else {
      const window = this.#head.readUInt8();
      this.#windowBytes = 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8);
    }
    this.#expect("block", 3);
  }

  #takeBlock(header: number): void {
    const isRepeated = ((header >> 1) & 3) === 1;
    this.#skip = isRepeated ? 1 : header >> 3;
    this.#isLast = (header & 1) !== 0;
    if (this.#isLast && (this.#descriptor & 4) !== 0) this.#skip += 4;
  }
}
