/** Magic numbers, little endian (RFC 8878, "Zstandard Frames" and "Skippable Frames"). */
const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const dictionaryBytes = [0, 1, 2, 4] as const;
const contentBytes = [0, 2, 4, 8] as const;

/** What the next bytes are: collected whole, since a chunk may end within. */
type Part = "magic" | "skippable-size" | "descriptor" | "block" | "invalid";

const partBytes: Readonly<Record<Part, number>> = {
  magic: 4,
  "skippable-size": 4,
  descriptor: 1,
  block: 3,
  invalid: 0,
};

/**
 * Finds where the frames of a zstd stream end, from their headers. Node's decompressor stops at the end of a frame unless its input ends
 * there too, and several frames are usual: each file of a zstd:chunked layer has one, and parallel compressors make them.
 */
export class ZstdFrames {
  #part: Part = "magic";
  readonly #head: Buffer = Buffer.alloc(4);
  #headFill = 0;
  /** Bytes to pass over before the next part, and whether a frame ends after them. */
  #skip = 0;
  #isLast = false;
  #hasChecksum = false;

  /** Where the frame that is at `start` of a chunk ends, the chunk's end when it goes on. */
  endOfFrame(chunk: Buffer, start: number): number {
    let at = start;
    while (at < chunk.length) {
      const skipped = Math.min(this.#skip, chunk.length - at);
      this.#skip -= skipped;
      at += skipped;
      if (this.#skip > 0) return at;
      if (this.#isLast) {
        this.#isLast = false;
        this.#part = "magic";
        return at;
      }
      if (this.#part === "invalid") return chunk.length;
      at = this.#collect(chunk, at);
    }
    // An end that needs no more bytes is one now.
    if (this.#skip === 0 && this.#isLast) {
      this.#isLast = false;
      this.#part = "magic";
    }
    return at;
  }

  #collect(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + partBytes[this.#part] - this.#headFill);
    chunk.copy(this.#head, this.#headFill, at, end);
    this.#headFill += end - at;
    if (this.#headFill === partBytes[this.#part]) {
      this.#headFill = 0;
      this.#take();
    }
    return end;
  }

  #take(): void {
    switch (this.#part) {
      case "magic": {
        const magic = this.#head.readUInt32LE();
        if (magic === frameMagic) this.#part = "descriptor";
        // The decompressor will say what is wrong.
        else this.#part = (magic & 0xfffffff0) >>> 0 === skippableMagic ? "skippable-size" : "invalid";
        break;
      }
      case "skippable-size":
        this.#skip = this.#head.readUInt32LE();
        this.#isLast = true;
        break;
      case "descriptor":
        this.#takeDescriptor(this.#head.readUInt8());
        break;
      case "block":
        this.#takeBlock(this.#head.readUIntLE(0, 3));
        break;
      case "invalid":
        break;
    }
  }

  #takeDescriptor(descriptor: number): void {
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const contentFlag = descriptor >> 6;
    const content = contentFlag === 0 && isSingleSegment ? 1 : (contentBytes[contentFlag] as number);
    this.#skip = (isSingleSegment ? 0 : 1) + (dictionaryBytes[descriptor & 3] as number) + content;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#part = "block";
  }

  #takeBlock(header: number): void {
    const isRepeated = ((header >> 1) & 3) === 1;
    this.#skip = isRepeated ? 1 : header >> 3;
    this.#isLast = (header & 1) !== 0;
    if (this.#isLast && this.#hasChecksum) this.#skip += 4;
  }
}
